-- The holds that ran out: request and hold, one after the other. ARGV: how many at most, lease.
-- One that runs for longer than any does is from before the clock of this server went back: it begins now.
local longest = now() + tonumber(ARGV[2])
for _, request in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. longest, '+inf')) do
    redis.call('ZADD', leases, 'XX', longest, request)
end
local found = {}
for _, request in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now(), 'LIMIT', 0, ARGV[1])) do
    local hold = redis.call('HGET', holds, request)
    if hold then
        found[#found + 1] = request
        found[#found + 1] = hold
    else
        redis.call('ZREM', leases, request)
    end
end
return found
