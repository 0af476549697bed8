-- Stores a reader's correction in a job's record, and counts it unless the same one stands there already.
-- ARGV: id, label, verdict. Returns 'no_job', 'no_result', 'stored' or 'unchanged'.

local id, label, verdict = unpack(ARGV)
local record = redis.call('HMGET', job_key(id), 'status', 'version', 'corrected')
if not record[1] then return 'no_job' end
if record[1] ~= 'succeeded' then return 'no_result' end
if record[3] == label then return 'unchanged' end

redis.call('HSET', job_key(id), 'corrected', label, 'corrected_at', integer(NOW))
redis.call('HINCRBY', COUNTS, 'correction ' .. record[2] .. ' ' .. verdict, 1)
-- The place in the list stays when a reader changes their mind, and no two jobs share one: a cursor is one number.
if not redis.call('ZSCORE', CORRECTIONS, id) then
    local last = redis.call('ZRANGE', CORRECTIONS, -1, -1, 'WITHSCORES')[2]
    redis.call('ZADD', CORRECTIONS, integer(math.max(NOW, tonumber(last or 0) + 1)), id)
end
return 'stored'
