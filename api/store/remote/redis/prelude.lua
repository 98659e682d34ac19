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
