-- Takes an account over from the database, under an epoch; what is held of it stays held.
-- ARGV: epoch, balance, version, locked (0 or 1)
local version, locked = ARGV[3], ARGV[4]
local known = redis.call('HGET', account, 'version')
if redis.call('HGET', account, 'epoch') == ARGV[1] and known and tonumber(known) > tonumber(version) then
    -- A settlement has told the balance since, but not the lock, which may all the same be news: each change of it makes a
    -- new version too.
    local as_of = redis.call('HGET', account, 'locked_as_of')
    if not as_of or tonumber(version) >= tonumber(as_of) then
        redis.call('HSET', account, 'locked', locked, 'locked_as_of', version)
    end
    return 0
end
redis.call('HSET', account, 'epoch', ARGV[1], 'version', version, 'available', ARGV[2])
redis.call('HSET', account, 'locked', locked, 'locked_as_of', version)
redis.call('SET', balance_of, ARGV[2])
for _, hold in ipairs(redis.call('HVALS', holds)) do
    redis.call('HINCRBY', account, 'available', negated(string.match(hold, '^(%d+) ')))
end
return 1
