-- Keeps an API key as the database has it, or that it was changed there; of two the newer version stays.
-- KEYS[1]: hash: version, about (none while only the change is known). ARGV: version, about ('' where it is not known), seconds
-- Answers: 1 when it is kept.
local known = tonumber(redis.call('HGET', KEYS[1], 'version') or '-1')
local version, about = tonumber(ARGV[1]), ARGV[2]
if known > version or (known == version and about == '') then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1])
if about ~= '' then redis.call('HSET', KEYS[1], 'about', about) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
