-- Notes that a worker begins to draw a job's heat map. A drawing that began and never ended has cost its process, or
-- hangs; after some of these the heat map cannot be had, or each who asks would cost another process.
-- ARGV: id, time in microseconds after which a drawing counts as lost, how many of these are borne.
-- Returns 1, or 0 where nothing is to be drawn: the job is gone, its heat map stands or cannot be had, or another process
-- is at it. Sent twice it says so too, and whoever asks for the heat map has it drawn later.

local key = job_key(ARGV[1])
local record = redis.call('HMGET', key, 'status', 'explanation', 'explanation_begun')
if not record[1] or record[2] == 'ready' or record[2] == 'unavailable' then return 0 end
if record[3] then
    if NOW - tonumber(record[3]) < tonumber(ARGV[2]) then return 0 end
    if redis.call('HINCRBY', key, 'explanation_lost', 1) >= tonumber(ARGV[3]) then
        end_explanation(ARGV[1], 'unavailable')
        return 0
    end
end
redis.call('HSET', key, 'explanation_begun', integer(NOW))
return 1
