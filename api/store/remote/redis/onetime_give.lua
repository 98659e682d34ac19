-- A one-time key may be used again, when it is this request that has it.
-- KEYS[1]: the key. ARGV: request
if redis.call('HGET', KEYS[1], 'request') == ARGV[1] then return redis.call('HDEL', KEYS[1], 'request', 'readable') end
return 0
