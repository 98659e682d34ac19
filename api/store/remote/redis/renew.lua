-- These holds have a living owner. ARGV: lease, then requests.
local until_ = now() + tonumber(ARGV[1])
for index = 2, #ARGV do redis.call('ZADD', leases, 'XX', until_, ARGV[index]) end
return 1
