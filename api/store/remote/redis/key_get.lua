-- A key as it is kept: version, about ('' while only its change is known), and so many milliseconds more. Empty: not kept.
-- KEYS[1]: see key_put.lua
local version, about = unpack(redis.call('HMGET', KEYS[1], 'version', 'about'))
if not version then return {} end
return {version, about or '', redis.call('PTTL', KEYS[1])}
