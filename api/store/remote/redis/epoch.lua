-- The epoch that Redis is in: its name, and 1 when owners have had the time to put their holds back. A new one begins when
-- there is none (Redis was emptied) or it was begun under another process (a restart from an old copy, or a failover).
-- KEYS[1]: the epoch. ARGV: name of a new one, seconds until it is trusted
local time = now()
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local known = redis.call('GET', KEYS[1])
if known then
    local name, of_run, trusted_at = string.match(known, '^(%S+) (%S+) (%S+)$')
    if of_run == run then
        local left = tonumber(trusted_at) - time
        if left <= tonumber(ARGV[2]) then
            redis.call('SET', KEYS[1], known)  -- refused by a Redis that takes nothing: one that is full, or a replica
            return {name, left <= 0 and 1 or 0}
        end
        ARGV[1] = name  -- the clock has gone back: the time begins again, the epoch does not
    end
end
redis.call('SET', KEYS[1], string.format('%s %s %.6f', ARGV[1], run, time + tonumber(ARGV[2])))
return {ARGV[1], 0}
