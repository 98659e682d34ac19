-- A one-time key may be used again, when it is this request that has it: as long as it could before.
-- KEYS[1]: the key. ARGV: request, seconds that it was kept from when it was taken
if redis.call('HGET', KEYS[1], 'request') ~= ARGV[1] then return 0 end
local since = ARGV[2] * 1000 - redis.call('PTTL', KEYS[1])
redis.call('PEXPIRE', KEYS[1], math.max(1, redis.call('HGET', KEYS[1], 'left') - since))
return redis.call('HDEL', KEYS[1], 'request', 'left')
