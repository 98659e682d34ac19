-- What gateways tell of breakers that they have opened or closed, and what all of them have found out.
-- KEYS[1]: hash: '' -> the name of this life of Redis, route -> "opening until pause" (until: milliseconds of Redis's clock)
-- ARGV: a name for a new life, milliseconds to keep an opening after its pause,
--   then for each route: the route, its opening, milliseconds left of the pause, the pause; or '' twice for a closed one.
-- Of two openings the one that lasts longer counts; only the one that counts can be closed.
-- Answer: the name of this life, then for each open route: the route, its opening, milliseconds left, the pause.
local milliseconds = math.floor(now() * 1000)

local function opening_of(kept)
    local opening, until_, pause = string.match(kept, '^(%S+) (%-?%d+) (%d+)$')
    return opening, tonumber(until_), pause
end

redis.call('HSETNX', KEYS[1], '', ARGV[1])
for i = 3, #ARGV, 4 do
    local route, opening, left, pause = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local kept = redis.call('HGET', KEYS[1], route)
    local other, ends = nil, nil
    if kept then other, ends = opening_of(kept) end
    if left == '' then
        if other == opening then redis.call('HDEL', KEYS[1], route) end
    else
        local until_ = milliseconds + tonumber(left)
        if not ends or until_ > ends then
            redis.call('HSET', KEYS[1], route, string.format('%s %.0f %s', opening, until_, pause))
        end
    end
end
local answer = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
    if flat[i] == '' then
        table.insert(answer, 1, flat[i + 1])
    else
        local opening, ends, pause = opening_of(flat[i + 1])
        if not ends or ends + tonumber(ARGV[2]) < milliseconds then
            redis.call('HDEL', KEYS[1], flat[i])
        else
            for _, value in ipairs({flat[i], opening, string.format('%.0f', ends - milliseconds), pause}) do
                table.insert(answer, value)
            end
        end
    end
end
return answer
