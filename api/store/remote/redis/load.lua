-- Takes an account over from the database, under an epoch; what is held of it stays held.
-- ARGV: epoch, balance, version, locked (0 or 1)
local known = redis.call('HGET', account, 'version')
if redis.call('HGET', account, 'epoch') == ARGV[1] and known and tonumber(known) > tonumber(ARGV[3]) then
    redis.call('HSET', account, 'locked', ARGV[4])
    return 0
end
redis.call('HSET', account, 'epoch', ARGV[1], 'version', ARGV[3], 'locked', ARGV[4], 'available', ARGV[2])
redis.call('SET', balance_of, ARGV[2])
for _, hold in ipairs(redis.call('HVALS', holds)) do
    redis.call('HINCRBY', account, 'available', negated(string.match(hold, '^(%d+) ')))
end
return 1
