-- Uses up a token of a key's rate for a request that costs nothing. KEYS[6]: bucket of the key.
-- ARGV: epoch, seconds per token, burst. Answers: 'ok', 'epoch', 'locked', 'rate' and seconds, as take.lua has them.
local bucket = KEYS[6]
if redis.call('HGET', account, 'epoch') ~= ARGV[1] then return {'epoch'} end
if redis.call('HGET', account, 'locked') == '1' then return {'locked'} end
local token = a_token(bucket, tonumber(ARGV[2]), tonumber(ARGV[3]))
if token.wait then return {'rate', token.wait} end
use_up(bucket, token)
return {'ok'}
