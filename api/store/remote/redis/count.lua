-- Takes the sums of a key over from the database, for a while: what was counted twice in between goes with them.
-- KEYS[6]: counters of the key. ARGV: key, seconds to keep them where the database cannot be asked again, and then field and sum, one after the other
local counters = KEYS[6]
redis.call('DEL', counters)
redis.call('HSET', counters, 'loaded', timestamp(), 'held', '0', unpack(ARGV, 3))
for _, hold in ipairs(redis.call('HVALS', holds)) do
    local amount, key = string.match(hold, '^(%d+) (%S*) ')
    if key == ARGV[1] then redis.call('HINCRBY', counters, 'held', amount) end
end
redis.call('EXPIRE', counters, ARGV[2])
return 1
