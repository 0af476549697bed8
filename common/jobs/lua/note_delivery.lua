-- Notes what came of an attempt to send a webhook; one whose lease was taken over is not noted.
-- ARGV: id, attempt, 'delivered', 'failed' or 'pending' (it is tried again), wait in microseconds, line for the log.
-- Returns 1 (noted, now or by an earlier sending of the same) or 0.

local id, attempt, state, wait, line = unpack(ARGV)
local record = redis.call('HMGET', delivery_key(id), 'attempts', 'noted', 'log', 'url')
if record[1] ~= attempt then return 0 end
if record[2] == attempt then return 1 end

local log = record[3] and record[3] .. '\n' .. line or line
redis.call('HSET', delivery_key(id), 'state', state, 'noted', attempt, 'log', log)
redis.call('HINCRBY', COUNTS, 'webhook ' .. state, 1)
if state == 'pending' then
    schedule_webhook(id, receiver_of(record[4]), NOW + tonumber(wait))
else
    unschedule_webhook(id, receiver_of(record[4]))
end
return 1
