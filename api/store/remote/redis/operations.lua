-- What requests of one workspace do to its holds, in the order in which it was sent.
-- KEYS[6], KEYS[7] and so on, two for each API key: its bucket (when it is full again, in seconds), and its counters (hash:
-- loaded, held, d:DAY, m:MONTH, t: pico-USD spent; of the days that were asked for and those around them).
-- ARGV[1], in MessagePack, which is one string to send and to read, and not a dozen for each operation: lease, and API keys in
-- the order of KEYS, and operations: name, API key, arguments. Money in it is text.
-- Answers: one for each operation, its parts separated by colons, the answers by spaces.
local LEASE, names, asked = unpack(cmsgpack.unpack(ARGV[1]))
local operations = {}

local function use_up(bucket, full_at)
    redis.call('SET', bucket, string.format('%.6f', full_at), 'EX', math.ceil(full_at - now()) + 1)
end

-- When the bucket is full again if a token is taken, and the seconds to wait where there is none.
local function token(bucket, each, burst)
    local time = now()
    local full_at = tonumber(redis.call('GET', bucket) or 0)
    if full_at - time > (burst + 0.001) * each then
        -- No more than the burst is ever missing: it is from before the clock of this server went back.
        full_at = time + burst * each
        use_up(bucket, full_at)
    end
    full_at = math.max(full_at, time) + each
    local wait = full_at - time - burst * each
    return full_at, wait > 1e-6 * each and tostring(wait) or nil
end

-- Whether the sums of a key are as young as they have to be; none that the clock went back behind.
local function fresh(counters)
    local loaded = redis.call('HGET', counters, 'loaded')
    return loaded and math.abs(now() - tonumber(loaded)) <= COUNTERS_SECONDS
end

-- epoch, request, amount, key, about, seconds per token, burst, day, month, daily, monthly, total limits ('' for none).
-- Admits a request: checks everything, and takes its hold. A repeat finds it taken.
-- 'ok'; 'epoch' (another one, or the account is not loaded); 'counters' (the key's are not, or not of the day); 'gone'; 'locked';
-- 'rate' and seconds; 'limit' and which; 'credits'.
function operations.take(bucket, counters, epoch, request, amount, key, about, each, burst, day, month, daily, monthly, total)
    if redis.call('HGET', account, 'epoch') ~= epoch then return 'epoch' end
    if redis.call('ZSCORE', gone, request) then return 'gone' end
    if redis.call('HEXISTS', holds, request) == 1 then return 'ok' end
    if redis.call('HGET', account, 'locked') == '1' then return 'locked' end

    local limited = daily .. monthly .. total ~= ''
    if limited and (not fresh(counters) or redis.call('HEXISTS', counters, 'd:' .. day) == 0) then return 'counters' end

    local full_at, wait = token(bucket, each, burst)
    if wait then return 'rate:' .. wait end

    if limited then
        for _, limit in ipairs({{'daily', 'd:' .. day, daily}, {'monthly', 'm:' .. month, monthly}, {'total', 't', total}}) do
            if limit[3] ~= '' then
                redis.call('HSET', counters, 'x', redis.call('HGET', counters, limit[2]) or '0')
                redis.call('HINCRBY', counters, 'x', redis.call('HGET', counters, 'held') or '0')
                if redis.call('HINCRBY', counters, 'x', negated(limit[3])) >= 0 then return 'limit:' .. limit[1] end
            end
        end
    end
    if amount ~= '0' and redis.call('HINCRBY', account, 'available', 0) <= 0 then return 'credits' end

    use_up(bucket, full_at)
    put_hold(request, amount, key, about, LEASE)
    hold_by_key(counters, amount)
    return 'ok'
end

-- epoch, seconds per token, burst. Uses up a token for a request that holds nothing.
-- 'ok', 'epoch', 'locked', or 'rate' and seconds.
function operations.rate(bucket, _, epoch, each, burst)
    if redis.call('HGET', account, 'epoch') ~= epoch then return 'epoch' end
    if redis.call('HGET', account, 'locked') == '1' then return 'locked' end
    local full_at, wait = token(bucket, each, burst)
    if wait then return 'rate:' .. wait end
    use_up(bucket, full_at)
    return 'ok'
end

-- request, amount, key, about. Puts a hold (back), whatever the balance.
function operations.keep(_, counters, request, amount, key, about)
    if redis.call('ZSCORE', gone, request) then return 'gone' end
    local old = held_amount(request)
    if old then hold_by_key(counters, negated(old)) end
    put_hold(request, amount, key, about, LEASE)
    hold_by_key(counters, amount)
    return 'ok'
end

-- request, cost, day, month, balance and version ('' where they are not known). Gives a hold back for good, and takes over
-- what was spent and the balance after it.
function operations.drop(_, counters, request, cost, day, month, balance, version)
    local old = held_amount(request)
    if old then
        redis.call('HDEL', holds, request)
        redis.call('ZREM', leases, request)
        redis.call('HINCRBY', account, 'available', old)
        hold_by_key(counters, negated(old))
    end
    if cost ~= '0' and not redis.call('ZSCORE', gone, request) and redis.call('HEXISTS', counters, 'loaded') == 1 then
        for _, field in ipairs({'d:' .. day, 'm:' .. month, 't'}) do
            if redis.call('HEXISTS', counters, field) == 1 then redis.call('HINCRBY', counters, field, cost) end
        end
    end
    if balance ~= '' then move_balance(balance, version) end
    redis.call('ZADD', gone, now(), request)
    return 'ok'
end

-- request. Its hold has a living owner.
function operations.renew(_, _, request)
    redis.call('ZADD', leases, 'XX', now() + LEASE, request)
    return 'ok'
end

local bucket_of, counters_of, answers = {}, {}, {}
for index, name in ipairs(names) do bucket_of[name], counters_of[name] = KEYS[4 + 2 * index], KEYS[5 + 2 * index] end
for index, each in ipairs(asked) do
    answers[index] = operations[each[1]](bucket_of[each[2]], counters_of[each[2]], unpack(each[3]))
end
redis.call('ZREMRANGEBYSCORE', gone, '-inf', now() - GONE_SECONDS)
redis.call('EXPIRE', gone, GONE_SECONDS)
return table.concat(answers, ' ')
