-- Asks for a job's heat map, unless it is there, cannot be had, or has been asked for lately.
-- ARGV: id, time in microseconds after which a question counts as lost.
-- Returns 'no_job', 'no_result', 'ask' (the caller sends the task), 'asked', 'ready' or 'unavailable'.

local key = job_key(ARGV[1])
local record = redis.call('HMGET', key, 'status', 'explanation', 'explanation_asked')
if not record[1] then return 'no_job' end
if record[1] ~= 'succeeded' then return 'no_result' end
if record[2] == 'ready' or record[2] == 'unavailable' then return record[2] end
if record[3] and NOW - tonumber(record[3]) < tonumber(ARGV[2]) then return 'asked' end
redis.call('HSET', key, 'explanation', 'asked', 'explanation_asked', integer(NOW))
-- A waiting process goes back to Celery, by whose message it hears of this one; another may be busy, or there is none.
call_idle(1, 'task')
return 'ask'
