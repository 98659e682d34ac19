-- Keeps a new one-time key.
-- KEYS[1]: the key. ARGV: about (what it is, packed), seconds to keep
redis.call('HSET', KEYS[1], 'about', ARGV[1])
return redis.call('EXPIRE', KEYS[1], ARGV[2])
