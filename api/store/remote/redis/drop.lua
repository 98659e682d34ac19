-- Gives a hold back for good, and takes over what was spent and the balance after it. KEYS[6]: counters of the key.
-- ARGV: request, cost, day, month, balance and version ('' where they are not known)
local request, cost, day, month, balance, version = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local counters = KEYS[6]
local old = held_amount(request)
if old then
    redis.call('HDEL', holds, request)
    redis.call('ZREM', leases, request)
    redis.call('HINCRBY', account, 'available', old)
    hold_by_key(counters, negated(old))
end
if not redis.call('ZSCORE', gone, request) and cost ~= '0' and redis.call('HEXISTS', counters, 'loaded') == 1 then
    for _, field in ipairs({'d:' .. day, 'm:' .. month, 't'}) do redis.call('HINCRBY', counters, field, cost) end
end
if balance ~= '' then move_balance(balance, version) end
local time = now()
redis.call('ZADD', gone, time, request)
redis.call('ZREMRANGEBYSCORE', gone, '-inf', time - GONE_SECONDS)
redis.call('EXPIRE', gone, GONE_SECONDS)
return 1
