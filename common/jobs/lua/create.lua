-- Makes the records of accepted images and queues them, all or none.
-- ARGV: idempotency key ('' for none), body digest, its life in seconds, queue, then id, filename, batch for each job.
-- Returns {'created'|'replayed'|'conflict', depth of the queue, id...}.

local idempotency, digest, life, queue = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local waiting = queue_key(queue)

if idempotency ~= '' then
    local known = redis.call('HMGET', idempotency, 'digest', 'ids')
    if known[1] then
        if known[1] ~= digest then return {'conflict', redis.call('ZCARD', waiting)} end
        local answer = {'replayed', redis.call('ZCARD', waiting)}
        for id in string.gmatch(known[2], '%S+') do answer[#answer + 1] = id end
        return answer
    end
end

local ids = {}
local made = 0
for i = 5, #ARGV, 3 do
    local id, filename, batch = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    ids[#ids + 1] = id
    -- A client library that lost the answer sends the script again: the records are there, nothing is counted twice.
    if redis.call('EXISTS', job_key(id)) == 0 then
        -- One microsecond apart, so that the jobs of one request wait in the order in which they were sent.
        local submitted = integer(NOW + made)
        local fields = {'status', 'queued', 'queue', queue, 'filename', filename, 'submitted', submitted}
        if batch ~= '' then
            fields[#fields + 1] = 'batch'
            fields[#fields + 1] = batch
            redis.call('HINCRBY', batch_key(batch), 'total', 1)
        end
        redis.call('HSET', job_key(id), unpack(fields))
        redis.call('ZADD', waiting, submitted, id)
        redis.call('RPUSH', hour_key(HOUR), id)
        redis.call('ZREM', ERASURES, id)
        count_batch(batch, nil, 'queued')
        made = made + 1
    end
end

if made > 0 then
    redis.call('ZADD', HOURS, HOUR, HOUR)
    redis.call('HINCRBY', COUNTS, 'submitted', made)
end
if idempotency ~= '' then
    redis.call('HSET', idempotency, 'digest', digest, 'ids', table.concat(ids, ' '))
    redis.call('EXPIRE', idempotency, life)
end

local answer = {'created', redis.call('ZCARD', waiting)}
for _, id in ipairs(ids) do answer[#answer + 1] = id end
return answer
