-- Cancels a job that has not ended and erases its record; its image becomes due for erasure in the same step.
-- ARGV: id. Returns 1, or 0 when there is no such job.

local id = ARGV[1]
local record = redis.call('HMGET', job_key(id), 'status', 'queue', 'batch')
local status = record[1]
if not status then return 0 end

if status == 'queued' or status == 'running' then
    redis.call('ZREM', queue_key(record[2]), id)
    redis.call('ZREM', DELAYED, id)
    finish_job(id, status, 'cancelled', record[3], {})
    announce({id})
end
redis.call('DEL', job_key(id))
redis.call('ZADD', ERASURES, NOW, id)
return 1
