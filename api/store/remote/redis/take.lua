-- Admits a request: checks everything, and takes its hold, in one step. A repeat finds it taken.
-- KEYS[6] bucket of the key: when it is full again (seconds). KEYS[7] counters of the key, hash: loaded, held, d:DAY,
-- m:MONTH, t: pico-USD spent.
-- ARGV: epoch, request, amount, key, about, lease, seconds per token, burst, day, month, daily, monthly, total limits ('' for none)
-- Answers: 'ok'; 'epoch' (another one, or the account is not loaded); 'counters' (the key's are not loaded); 'gone';
-- 'locked'; 'rate' and seconds; 'limit' and which; 'credits'.
local bucket, counters = KEYS[6], KEYS[7]
local epoch, request, amount, key, about, lease = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local each, burst = tonumber(ARGV[7]), tonumber(ARGV[8])

if redis.call('HGET', account, 'epoch') ~= epoch then return {'epoch'} end
if redis.call('ZSCORE', gone, request) then return {'gone'} end
if redis.call('HEXISTS', holds, request) == 1 then return {'ok'} end
if redis.call('HGET', account, 'locked') == '1' then return {'locked'} end

local limits = {{'daily', 'd:' .. ARGV[9], ARGV[11]}, {'monthly', 'm:' .. ARGV[10], ARGV[12]}, {'total', 't', ARGV[13]}}
if ARGV[11] .. ARGV[12] .. ARGV[13] ~= '' and redis.call('HEXISTS', counters, 'loaded') == 0 then return {'counters'} end

local token = a_token(bucket, each, burst)
if token.wait then return {'rate', token.wait} end

for _, limit in ipairs(limits) do
    if limit[3] ~= '' then
        redis.call('HSET', counters, 'x', redis.call('HGET', counters, limit[2]) or '0')
        redis.call('HINCRBY', counters, 'x', redis.call('HGET', counters, 'held') or '0')
        if redis.call('HINCRBY', counters, 'x', negated(limit[3])) >= 0 then return {'limit', limit[1]} end
    end
end
if amount ~= '0' and redis.call('HINCRBY', account, 'available', 0) <= 0 then return {'credits'} end

use_up(bucket, token)
put_hold(request, amount, key, about, lease)
hold_by_key(counters, amount)
return {'ok'}
