-- Uses a one-time key up for a request; a repeat of the same request finds it taken.
-- KEYS[1]: the key, hash: about, request, left (milliseconds that it had before it was used up). ARGV: request, seconds to keep
-- Answers: 1 when it is this request's; 0 when it is another's, or gone.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local taken = redis.call('HGET', KEYS[1], 'request')
if taken and taken ~= ARGV[1] then return 0 end
redis.call('HSETNX', KEYS[1], 'left', redis.call('PTTL', KEYS[1]))
redis.call('HSET', KEYS[1], 'request', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
