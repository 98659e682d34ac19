-- What requests of one workspace do to its holds, in the order in which it was sent.
-- KEYS[6], KEYS[7] and so on, two for each API key: its bucket (when it is full again, in seconds), and its counters (hash:
-- loaded, held, d:DAY, m:MONTH, t: pico-USD spent; of the days that were asked for and those around them).
-- ARGV[1], in MessagePack, which is one string to send and to read, and not a dozen for each operation: lease, and API keys in
-- the order of KEYS, and operations: name, API key, arguments. Money in it is text.
-- Answers: one for each operation, its parts separated by colons, the answers by spaces.
--
-- A call of Redis costs as much as all else that an operation does. So what the operations look at is read once for all of
-- them, kept up to date here, and written once at the end; only money is moved where it lies, step by step.
local LEASE, names, asked = unpack(cmsgpack.unpack(ARGV[1]))
local REQUEST = {take = 2, keep = 1, drop = 1, renew = 1}  -- its place in the arguments
local time = now()

local epoch, version, locked, available = unpack(redis.call('HMGET', account, 'epoch', 'version', 'locked', 'available'))
available = tonumber(available or 0)  -- for its sign, and nothing else

local held, is_gone = {}, {}  -- of each request: its hold or false, when it was dropped or false
local requests = {}
for _, each in ipairs(asked) do
    local place = REQUEST[each[1]]
    if place then requests[#requests + 1] = each[3][place] end
end
if #requests > 0 then
    local holds_now, gone_now = redis.call('HMGET', holds, unpack(requests)), redis.call('ZMSCORE', gone, unpack(requests))
    for index, request in ipairs(requests) do held[request], is_gone[request] = holds_now[index], gone_now[index] end
end
local put, dropped, renewed = {}, {}, {}  -- requests whose hold is to be put in, and to go; of which the lease begins anew

local function move(amount)
    if amount ~= '0' then available = redis.call('HINCRBY', account, 'available', amount) end
end

local function amount_of(hold)
    return string.match(hold, '^(%d+) ')
end

-- Each API key: where its bucket and its counters are, and what is known of them.
local keys = {}
for index, name in ipairs(names) do keys[name] = {bucket = KEYS[4 + 2 * index], counters = KEYS[5 + 2 * index]} end

local function full_at(key)
    if not key.full_at then key.full_at = tonumber(redis.call('GET', key.bucket) or 0) end
    return key.full_at
end

local function use_up(key, at)
    key.full_at, key.used = at, true
end

-- When the bucket is full again if a token is taken, and the seconds to wait where there is none.
local function token(key, each, burst)
    if full_at(key) - time > (burst + 0.001) * each then
        -- No more than the burst is ever missing: it is from before the clock of this server went back.
        use_up(key, time + burst * each)
    end
    local at = math.max(key.full_at, time) + each
    local wait = at - time - burst * each
    return at, wait > 1e-6 * each and tostring(wait) or nil
end

-- When the sums of a key were read; false where they are not.
local function loaded(key)
    if key.loaded == nil then key.loaded = redis.call('HGET', key.counters, 'loaded') end
    return key.loaded
end

-- Whether they are as young as they have to be; none that the clock went back behind.
local function fresh(key)
    return loaded(key) and math.abs(time - tonumber(loaded(key))) <= COUNTERS_SECONDS
end

-- A key's own held sum; only kept while its counters are loaded, which sums it up anew.
local function hold_by_key(key, amount)
    if amount ~= '0' and loaded(key) then redis.call('HINCRBY', key.counters, 'held', amount) end
end

local function put_hold(request, amount, name, about)
    if held[request] then move(amount_of(held[request])) end
    move(negated(amount))
    held[request] = amount .. ' ' .. name .. ' ' .. about
    put[request], dropped[request] = true, nil
end

local operations = {}

-- epoch, request, amount, key, about, seconds per token, burst, day, month, daily, monthly, total limits ('' for none).
-- Admits a request: checks everything, and takes its hold. A repeat finds it taken.
-- 'ok'; 'epoch' (another one, or the account is not loaded); 'counters' (the key's are not, or not of the day); 'gone'; 'locked';
-- 'rate' and seconds; 'limit' and which; 'credits'.
function operations.take(key, of_epoch, request, amount, name, about, each, burst, day, month, daily, monthly, total)
    if epoch ~= of_epoch then return 'epoch' end
    if is_gone[request] then return 'gone' end
    if held[request] then return 'ok' end
    if locked == '1' then return 'locked' end

    local limited = daily .. monthly .. total ~= ''
    local counters = key.counters
    if limited and (not fresh(key) or redis.call('HEXISTS', counters, 'd:' .. day) == 0) then return 'counters' end

    local at, wait = token(key, each, burst)
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
    if amount ~= '0' and available <= 0 then return 'credits' end

    use_up(key, at)
    put_hold(request, amount, name, about)
    hold_by_key(key, amount)
    return 'ok'
end

-- epoch, seconds per token, burst. Uses up a token for a request that holds nothing.
-- 'ok', 'epoch', 'locked', or 'rate' and seconds.
function operations.rate(key, of_epoch, each, burst)
    if epoch ~= of_epoch then return 'epoch' end
    if locked == '1' then return 'locked' end
    local at, wait = token(key, each, burst)
    if wait then return 'rate:' .. wait end
    use_up(key, at)
    return 'ok'
end

-- request, amount, key, about. Puts a hold (back), whatever the balance.
function operations.keep(key, request, amount, name, about)
    if is_gone[request] then return 'gone' end
    if held[request] then hold_by_key(key, negated(amount_of(held[request]))) end
    put_hold(request, amount, name, about)
    hold_by_key(key, amount)
    return 'ok'
end

-- request, cost, day, month, balance and version ('' where they are not known). Gives a hold back for good, and takes over
-- what was spent and the balance after it.
function operations.drop(key, request, cost, day, month, balance, of_version)
    local old = held[request] and amount_of(held[request])
    if old then
        move(old)
        hold_by_key(key, negated(old))
        held[request] = false
        put[request], dropped[request] = nil, true
    end
    if cost ~= '0' and not is_gone[request] and loaded(key) then
        for _, field in ipairs({'d:' .. day, 'm:' .. month, 't'}) do
            if redis.call('HEXISTS', key.counters, field) == 1 then redis.call('HINCRBY', key.counters, field, cost) end
        end
    end
    if balance ~= '' and version and tonumber(of_version) > tonumber(version) then
        move(negated(redis.call('GET', balance_of)))
        move(balance)
        redis.call('SET', balance_of, balance)
        redis.call('HSET', account, 'version', of_version)
        version = of_version
    end
    is_gone[request] = time
    return 'ok'
end

-- request. Its hold has a living owner.
function operations.renew(_, request)
    renewed[request] = true
    return 'ok'
end

-- One that fails, as Redis says, takes none with it that came before.
local answers, failure = {}, nil
for index, each in ipairs(asked) do
    local done, answer = pcall(operations[each[1]], keys[each[2]], unpack(each[3]))
    if not done then
        failure = answer
        break
    end
    answers[index] = answer
end

local holds_put, leases_put, holds_dropped, leases_renewed, now_gone = {}, {}, {}, {}, {}
for request in pairs(put) do
    holds_put[#holds_put + 1], leases_put[#leases_put + 1] = request, time + LEASE
    holds_put[#holds_put + 1], leases_put[#leases_put + 1] = held[request], request
end
for request in pairs(dropped) do holds_dropped[#holds_dropped + 1] = request end
for request in pairs(renewed) do
    leases_renewed[#leases_renewed + 1] = time + LEASE
    leases_renewed[#leases_renewed + 1] = request
end
for request, at in pairs(is_gone) do
    if at == time then
        now_gone[#now_gone + 1] = time
        now_gone[#now_gone + 1] = request
    end
end
if #leases_renewed > 0 then redis.call('ZADD', leases, 'XX', unpack(leases_renewed)) end
if #holds_put > 0 then
    redis.call('HSET', holds, unpack(holds_put))
    redis.call('ZADD', leases, unpack(leases_put))
end
if #holds_dropped > 0 then
    redis.call('HDEL', holds, unpack(holds_dropped))
    redis.call('ZREM', leases, unpack(holds_dropped))
end
if #now_gone > 0 then redis.call('ZADD', gone, unpack(now_gone)) end
for _, key in pairs(keys) do
    if key.used then
        redis.call('SET', key.bucket, string.format('%.6f', key.full_at), 'EX', math.ceil(key.full_at - time) + 1)
    end
end
redis.call('ZREMRANGEBYSCORE', gone, '-inf', time - GONE_SECONDS)
redis.call('EXPIRE', gone, GONE_SECONDS)
if failure then return redis.error_reply(type(failure) == 'table' and failure.err or tostring(failure)) end
return table.concat(answers, ' ')
