-- Reads jobs together with their places in the queues: record and place belong to one moment.
-- ARGV: ids. Returns for each its fields and values, then its place (0 is next, -1 when it does not wait); nothing of a
-- job that there is not.

local rows = {}
for i, id in ipairs(ARGV) do
    local row = redis.call('HGETALL', job_key(id))
    if #row > 0 then
        local record = redis.call('HMGET', job_key(id), 'status', 'queue')
        local place = record[1] == 'queued' and redis.call('ZRANK', queue_key(record[2]), id)
        row[#row + 1] = place or -1
    end
    rows[i] = row
end
return rows
