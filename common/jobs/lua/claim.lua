-- Leases the longest waiting jobs of the first queue that has any, as one chunk.
-- The last jobs of a queue are shared among the processes alive: where one takes them all the others stand still meanwhile
-- (guided self-scheduling, Polychronopoulos and Kuck 1987).
-- A job that has failed an attempt before is leased alone: if it takes its worker down, its neighbours are not hit again.
-- A claim whose answer was lost is sent again under the same token, and gets the same jobs.
-- A process that finds nothing and is ready to wait is noted in the same step: no job can come in between.
-- ARGV: token, lease in microseconds, process, for how many microseconds it would wait (0: not at all), then queue, most
-- jobs for each queue in the order to drain them.
-- Returns id, attempt, submitted, claimed, queue for each job, flat.

local token = PREFIX .. 'claim:' .. ARGV[1]
local lease = NOW + tonumber(ARGV[2])
local process, wait = ARGV[3], tonumber(ARGV[4])
local earlier = redis.call('GET', token)
if earlier then return cjson.decode(earlier) end
local claimed = {}
local processes = math.max(1, redis.call('SCARD', WORKERS))

for i = 5, #ARGV, 2 do
    local queue, most = ARGV[i], tonumber(ARGV[i + 1])
    local waiting = queue_key(queue)
    local limit = math.min(most, math.ceil(redis.call('ZCARD', waiting) / processes))
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
        redis.call('ZREM', IDLE, process)
        redis.call('SET', token, cjson.encode(claimed), 'EX', 60)
        return claimed
    end
end

if wait > 0 then
    -- pcall: a Redis that is full says so to those who bring jobs; a process that finds none need not fail of it.
    redis.pcall('ZADD', IDLE, integer(NOW + wait), process)
    -- Those whose time is over and that did not come back have died.
    redis.call('ZREMRANGEBYSCORE', IDLE, '-inf', integer(NOW - 1000000))
    redis.call('PEXPIRE', IDLE, integer(wait / 1000 + 5000))
else
    redis.call('ZREM', IDLE, process)
end
return claimed
