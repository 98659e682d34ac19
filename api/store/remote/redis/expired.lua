-- The holds that ran out: request and hold, one after the other. ARGV: how many at most.
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
