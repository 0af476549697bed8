-- Leases the longest waiting jobs of the first queue that has any, as one chunk.
-- A job that has failed an attempt before is leased alone: if it takes its worker down, its neighbours are not hit again.
-- A claim whose answer was lost is sent again under the same token, and gets the same jobs.
-- ARGV: token, lease in microseconds, then queue, most jobs for each queue in the order to drain them.
-- Returns id, attempt, submitted, claimed, queue for each job, flat.

local token = PREFIX .. 'claim:' .. ARGV[1]
local lease = NOW + tonumber(ARGV[2])
local earlier = redis.call('GET', token)
if earlier then return cjson.decode(earlier) end
local claimed = {}

for i = 3, #ARGV, 2 do
    local queue, limit = ARGV[i], tonumber(ARGV[i + 1])
    local waiting = queue_key(queue)
    for _, id in ipairs(redis.call('ZRANGE', waiting, 0, limit - 1)) do
        local record = redis.call('HMGET', job_key(id), 'status', 'attempts', 'submitted', 'batch', 'spared')
        local attempts = tonumber(record[2] or 0)
        local has_failed = attempts > tonumber(record[5] or 0)
        if record[1] ~= 'queued' then
            redis.call('ZREM', waiting, id)
        elseif has_failed and #claimed > 0 then
            break
        else
            redis.call('HSET', job_key(id), 'status', 'running', 'attempts', attempts + 1, 'started', integer(NOW))
            redis.call('ZREM', waiting, id)
            redis.call('ZADD', RUNNING, lease, id)
            count_batch(record[4], 'queued', 'running')
            for _, value in ipairs({id, integer(attempts + 1), record[3], integer(NOW), queue}) do
                claimed[#claimed + 1] = value
            end
            if has_failed then break end
        end
    end
    if #claimed > 0 then
        redis.call('SET', token, cjson.encode(claimed), 'EX', 60)
        return claimed
    end
end
return claimed
