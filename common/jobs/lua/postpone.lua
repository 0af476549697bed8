-- Gives leased jobs back after a fault that can pass, to run again later; the last allowed attempt fails them instead.
-- ARGV: most attempts, first delay in microseconds (it doubles each time), then id, attempt, code, message for each job.
-- Returns how many were postponed and how many failed.

local most, delay = tonumber(ARGV[1]), tonumber(ARGV[2])
local postponed = 0
local ended = {}

for i = 3, #ARGV, 4 do
    local id, attempt, code, message = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local record = redis.call('HMGET', job_key(id), 'status', 'attempts', 'batch')
    if record[1] == 'running' and record[2] == attempt then
        if tonumber(attempt) >= most then
            finish_job(id, 'running', 'failed', record[3], {'error_code', code, 'error', message})
            redis.call('HINCRBY', COUNTS, 'error ' .. code, 1)
            ended[#ended + 1] = id
        else
            redis.call('HSET', job_key(id), 'status', 'queued')
            redis.call('ZREM', RUNNING, id)
            redis.call('ZADD', DELAYED, NOW + delay * 2 ^ (tonumber(attempt) - 1), id)
            redis.call('HINCRBY', COUNTS, 'postponed', 1)
            count_batch(record[3], 'running', 'queued')
            postponed = postponed + 1
        end
    end
end

announce(ended)
return {postponed, #ended}
