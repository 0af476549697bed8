-- Erases the records of one past hour, a portion at a time; a job that has not ended moves on to the present hour.
-- ARGV: retention in hours, most jobs. Returns how many records were erased and whether more may be due.

local last = math.floor((NOW / 1000000 - tonumber(ARGV[1]) * 3600) / 3600) - 1
local due = redis.call('ZRANGEBYSCORE', HOURS, '-inf', last, 'LIMIT', 0, 1)
if #due == 0 then return {0, 0} end

local erased = 0
local ids = redis.call('LPOP', hour_key(due[1]), ARGV[2]) or {}
for _, id in ipairs(ids) do
    local status = redis.call('HGET', job_key(id), 'status')
    if status == 'queued' or status == 'running' then
        redis.call('RPUSH', hour_key(HOUR), id)
        redis.call('ZADD', HOURS, HOUR, HOUR)
    elseif status then
        forget_job(id)
        erased = erased + 1
    end
end
if redis.call('EXISTS', hour_key(due[1])) == 0 then redis.call('ZREM', HOURS, due[1]) end
return {erased, 1}
