-- A one-time key as it is: what it is, the request that used it up ('' for none), milliseconds that it is kept. Nothing for none.
-- KEYS[1]: the key.
local about = redis.call('HGET', KEYS[1], 'about')
if not about then return {} end
return {about, redis.call('HGET', KEYS[1], 'request') or '', redis.call('PTTL', KEYS[1])}
