-- Cancels or erases a portion of the jobs of a closing batch. ARGV: id, index of the first job, most jobs.
-- Returns the index to go on from, or -1 when all are done. Doing a portion again changes nothing.

local id, first, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HGET', CLOSING, id)
if not state then return -1 end

local ids = redis.call('LRANGE', batch_jobs_key(id), first, first + limit - 1)
local ended = {}
for _, job in ipairs(ids) do
    local record = redis.call('HMGET', job_key(job), 'status', 'queue', 'batch')
    if record[1] then
        if cancel_job(job, record[1], record[2], record[3]) then ended[#ended + 1] = job end
        if state == 'erased' then
            forget_job(job)
        end
    end
end
announce(ended)

if #ids == limit then return first + limit end
redis.call('HDEL', CLOSING, id)
if state == 'erased' then
    redis.call('DEL', batch_jobs_key(id))
else
    local life = redis.call('TTL', batch_key(id))
    if life > 0 then redis.call('EXPIRE', batch_jobs_key(id), life) end
end
return -1
