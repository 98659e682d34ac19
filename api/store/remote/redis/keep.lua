-- Puts a hold (back), whatever the balance. KEYS[6]: counters of the key.
-- ARGV: request, amount, key, about, lease
if redis.call('ZSCORE', gone, ARGV[1]) then return 0 end
local old = held_amount(ARGV[1])
if old then hold_by_key(KEYS[6], negated(old)) end
put_hold(ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]))
hold_by_key(KEYS[6], ARGV[2])
return 1
