-- What every script begins with. All keys of a workspace have one hash tag, so that they lie in one slot:
--   KEYS[1] account  hash: epoch, version, locked, locked_as_of (a version), available (balance minus holds)
--   KEYS[2] holds    hash: request -> "amount key about"
--   KEYS[3] leases   sorted set: request -> when its hold runs out (seconds)
--   KEYS[4] gone     sorted set: request -> when its hold was dropped; for a while it cannot be taken or kept again
--   KEYS[5] balance  string: as of the version
-- Money is pico-USD and can be beyond 2^53, where Lua's numbers are no longer exact: it is only ever added by HINCRBY, on
-- 64-bit integers, and compared by its sign.
local account, holds, leases, gone, balance_of = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local GONE_SECONDS = 120
-- So long the sums of a key are trusted before they are read from the database again. A request that ends in the moment in
-- which they are read may be counted twice for as long: the limit is then reached too soon, never too late.
local COUNTERS_SECONDS = 60

local function now()
    local time = redis.call('TIME')
    return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function timestamp()
    return string.format('%.6f', now())
end

local function negated(amount)
    if amount == '0' then return amount end
    if string.sub(amount, 1, 1) == '-' then return string.sub(amount, 2) end
    return '-' .. amount
end

local function held_amount(request)
    local hold = redis.call('HGET', holds, request)
    if hold then return string.match(hold, '^(%d+) '), string.match(hold, '^%d+ (%S*) ') end
    return nil
end

-- Puts a hold in, in place of one that may be there, whatever the balance.
local function put_hold(request, amount, key, about, lease)
    local old = held_amount(request)
    if old then redis.call('HINCRBY', account, 'available', old) end
    redis.call('HSET', holds, request, amount .. ' ' .. key .. ' ' .. about)
    redis.call('HINCRBY', account, 'available', negated(amount))
    redis.call('ZADD', leases, now() + lease, request)
end

local function move_balance(balance, version)
    local known = redis.call('HGET', account, 'version')
    if known and tonumber(version) > tonumber(known) then
        redis.call('HINCRBY', account, 'available', negated(redis.call('GET', balance_of)))
        redis.call('HINCRBY', account, 'available', balance)
        redis.call('SET', balance_of, balance)
        redis.call('HSET', account, 'version', version)
    end
end

-- A key's own held sum; only kept while its counters are loaded, which sums it up anew.
local function hold_by_key(counters, amount)
    if redis.call('HEXISTS', counters, 'loaded') == 1 then redis.call('HINCRBY', counters, 'held', amount) end
end
