-- Gives a leased webhook back unsent, to be claimed again later; the attempt was none.
-- ARGV: id, attempt, wait in microseconds. Returns 1, or 0 when its lease was taken over.

local id, attempt, wait = unpack(ARGV)
if redis.call('HGET', delivery_key(id), 'attempts') ~= attempt then return 0 end
redis.call('HINCRBY', delivery_key(id), 'attempts', -1)
redis.call('ZADD', WEBHOOKS, integer(NOW + tonumber(wait)), id)
return 1
