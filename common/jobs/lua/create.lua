-- Makes the records of accepted images and queues them, all or none. Each was announced for a time, and that must last: of
-- a sender that stood still for longer, the sweeper has erased the images, or may at any moment.
-- ARGV: idempotency key ('' for none), body digest, its life in seconds, queue, batch ('' for none), the batch's life
-- in seconds, webhook of a single job ('' for none), then id, filename for each job.
-- Returns {'created'|'replayed'|'conflict'|'no_batch'|'batch_closed'|'late', depth of the queue, this instant,
-- processes called, id...}.

local idempotency, digest, life, queue, batch, batch_life, webhook = unpack(ARGV, 1, 7)
local waiting = queue_key(queue)

local ids = {}
local new = {}
local filename_of = {}
for i = 8, #ARGV, 2 do
    local id = ARGV[i]
    ids[#ids + 1] = id
    -- A client library that lost the answer sends the script again: the records are there, nothing is counted twice.
    if redis.call('EXISTS', job_key(id)) == 0 then
        new[#new + 1] = id
        filename_of[id] = ARGV[i + 1]
    end
end

local late = false
local erasures = #new > 0 and redis.call('ZMSCORE', ERASURES, unpack(new)) or {}
for i, due in ipairs(erasures) do
    if not due or tonumber(due) <= NOW then
        late = true
        -- The image may have been stored after its erasure, or amid one that will be confirmed: it is looked for once more.
        redis.call('ZADD', DERIVED, 'GT', integer(NOW + 60000000), new[i])
    end
end

local verdict, answer = replay(idempotency, digest, job_key)
if verdict then return {verdict, redis.call('ZCARD', waiting), integer(NOW), 0, unpack(answer)} end

if batch ~= '' then
    local state = redis.call('HGET', batch_key(batch), 'state')
    if not state then return {'no_batch', 0, 0, 0} end
    if state ~= 'open' then return {'batch_closed', 0, 0, 0} end
end

if late then return {'late', 0, 0, 0} end

for place, id in ipairs(new) do
    -- One microsecond apart, so that the jobs of one request wait in the order in which they were sent.
    local submitted = integer(NOW + place - 1)
    local fields = {'status', 'queued', 'queue', queue, 'filename', filename_of[id], 'submitted', submitted}
    if batch ~= '' then
        fields[#fields + 1] = 'batch'
        fields[#fields + 1] = batch
        redis.call('RPUSH', batch_jobs_key(batch), id)
    end
    if webhook ~= '' then
        fields[#fields + 1] = 'webhook'
        fields[#fields + 1] = webhook
    end
    redis.call('HSET', job_key(id), unpack(fields))
    redis.call('ZADD', waiting, submitted, id)
    redis.call('RPUSH', hour_key(HOUR), id)
    redis.call('ZREM', ERASURES, id)
end

local made = #new
local called = 0
if made > 0 then
    redis.call('ZADD', HOURS, HOUR, HOUR)
    redis.call('HINCRBY', COUNTS, 'submitted', made)
    if batch ~= '' then
        redis.call('HINCRBY', batch_key(batch), 'total', made)
        redis.call('HINCRBY', batch_key(batch), 'queued', made)
        redis.call('EXPIRE', batch_key(batch), batch_life)
        redis.call('EXPIRE', batch_jobs_key(batch), batch_life)
        take_back_batch_webhook(batch)
    end
    called = call_idle_for(made)
end
remember(idempotency, digest, life, ids)
return {'created', redis.call('ZCARD', waiting), integer(NOW), called, unpack(ids)}
