-- Takes jobs back whose worker fell silent, and wakes postponed jobs that are due.
-- ARGV: most attempts, code and message of a job that used them up, most jobs to look at.
-- Returns requeued, poisoned, woken.

local most, code, message, limit = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local requeued, woken = 0, 0
local ended = {}

for _, id in ipairs(redis.call('ZRANGEBYSCORE', RUNNING, '-inf', integer(NOW), 'LIMIT', 0, limit)) do
    local record = redis.call('HMGET', job_key(id), 'status', 'attempts', 'queue', 'submitted', 'batch', 'spared')
    if record[1] ~= 'running' then
        redis.call('ZREM', RUNNING, id)
    elseif tonumber(record[2]) - tonumber(record[6] or 0) >= most then
        finish_job(id, 'running', 'failed', record[5], {'error_code', code, 'error', message})
        tally(COUNTS, 'error ' .. code, 1)
        ended[#ended + 1] = id
    else
        requeue_job(id, record[3], record[4], record[5])
        tally(COUNTS, 'lease_expired', 1)
        requeued = requeued + 1
    end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', DELAYED, '-inf', integer(NOW), 'LIMIT', 0, limit)) do
    local record = redis.call('HMGET', job_key(id), 'status', 'queue', 'submitted')
    redis.call('ZREM', DELAYED, id)
    if record[1] == 'queued' then
        redis.call('ZADD', queue_key(record[2]), record[3], id)
        woken = woken + 1
    end
end

call_idle_for(requeued + woken)
announce(ended)
return {requeued, #ended, woken}
