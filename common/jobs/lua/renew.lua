-- Prolongs leases. ARGV: lease in microseconds, then id, attempt for each job. Returns how many are still held.

local lease = NOW + tonumber(ARGV[1])
local held = 0
for i = 2, #ARGV, 2 do
    local record = redis.call('HMGET', job_key(ARGV[i]), 'status', 'attempts')
    if record[1] == 'running' and record[2] == ARGV[i + 1] then
        redis.call('ZADD', RUNNING, lease, ARGV[i])
        held = held + 1
    end
end
return held
