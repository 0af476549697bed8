-- Cancels jobs that have not ended and erases their records; their images become due for erasure in the same step.
-- ARGV: ids. Returns how many there were.

local erased = 0
local ended = {}
for _, id in ipairs(ARGV) do
    local record = redis.call('HMGET', job_key(id), 'status', 'queue', 'batch')
    if record[1] then
        if cancel_job(id, record[1], record[2], record[3]) then ended[#ended + 1] = id end
        forget_job(id)
        erased = erased + 1
    end
end
announce(ended)
return erased
