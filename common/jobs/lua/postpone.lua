-- Gives leased jobs back after a fault that can pass, to run again later; the last allowed attempt fails them instead.
-- A fault that no job can help costs no attempt while the job is young; the count of attempts goes on all the same, for it
-- tells whose the lease is, and `spared` says how many of them do not count.
-- ARGV: most attempts, first delay in microseconds (it doubles each time), age in microseconds up to which attempts are
-- spared (0: none is), then id, attempt, code, message for each job.
-- Returns how many were postponed and how many failed.

local most, delay, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
-- Whoever is away for long is asked twice a minute.
local LONGEST_SPARED = 30000000
local postponed = 0
local ended = {}

for i = 4, #ARGV, 4 do
    local id, attempt, code, message = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local record = redis.call('HMGET', job_key(id), 'status', 'attempts', 'batch', 'spared', 'submitted')
    if record[1] == 'running' and record[2] == attempt then
        local spared = tonumber(record[4] or 0)
        local spares = NOW < tonumber(record[5]) + patience
        local counted = tonumber(attempt) - spared
        if not spares and counted >= most then
            finish_job(id, 'running', 'failed', record[3], {'error_code', code, 'error', message})
            tally(COUNTS, 'error ' .. code, 1)
            ended[#ended + 1] = id
        else
            local wait = delay * 2 ^ (counted - 1)
            if spares then
                redis.call('HSET', job_key(id), 'spared', spared + 1)
                wait = math.min(delay * 2 ^ spared, LONGEST_SPARED)
            end
            redis.call('HSET', job_key(id), 'status', 'queued')
            redis.call('ZREM', RUNNING, id)
            redis.call('ZADD', DELAYED, integer(NOW + wait), id)
            tally(COUNTS, 'postponed', 1)
            count_batch(record[3], 'running', 'queued')
            postponed = postponed + 1
        end
    end
end

announce(ended)
return {postponed, #ended}
