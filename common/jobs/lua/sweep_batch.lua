-- Cancels or erases a portion of the jobs of a closing batch. ARGV: id, index of the first job, most jobs.
-- Returns the index to go on from, or -1 when all are done. Doing a portion again changes nothing.
-- Jobs that are erased leave the list, whatever index is named: a batch that is erased while somebody cancels it has
-- callers who stand at different places, none of whom has erased what lies before.

local id, first, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HGET', CLOSING, id)
if not state then return -1 end

local erases = state == 'erased'
if erases then first = 0 end
local ids = redis.call('LRANGE', batch_jobs_key(id), first, first + limit - 1)
local ended = {}
for _, job in ipairs(ids) do
    local record = redis.call('HMGET', job_key(job), 'status', 'queue', 'batch')
    if record[1] then
        if cancel_job(job, record[1], record[2], record[3]) then ended[#ended + 1] = job end
        if erases then forget_job(job) end
    end
end
announce(ended)

if erases then
    redis.call('LTRIM', batch_jobs_key(id), limit, -1)
    if redis.call('EXISTS', batch_jobs_key(id)) == 1 then return 0 end
elseif #ids == limit then
    return first + limit
else
    -- The list goes with its batch, and at once where that is past retention already.
    local life = redis.call('TTL', batch_key(id))
    if life > 0 then redis.call('EXPIRE', batch_jobs_key(id), life) else redis.call('DEL', batch_jobs_key(id)) end
end
redis.call('HDEL', CLOSING, id)
return -1
