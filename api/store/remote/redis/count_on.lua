-- Goes on with the sums of a key as they are, for a while: the database cannot be asked. 0 when there are none.
-- KEYS[6]: counters of the key.
if redis.call('HEXISTS', KEYS[6], 'loaded') == 0 then return 0 end
redis.call('HSET', KEYS[6], 'loaded', timestamp())
return 1
