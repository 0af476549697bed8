-- Shared by every script: key names, the one clock (Redis's own), and the only place where a status changes.
-- Instants are microseconds since 1970, UTC; a Lua number holds them exactly until the year 2255.

local PREFIX = 'dentiq:'
local RUNNING = PREFIX .. 'running'
local DELAYED = PREFIX .. 'delayed'
local ERASURES = PREFIX .. 'erasures'
local DERIVED = PREFIX .. 'derived'
local HOURS = PREFIX .. 'hours'
local COUNTS = PREFIX .. 'counts'
local CLOSING = PREFIX .. 'closing'
local IDLE = PREFIX .. 'idle'
local WORKERS = PREFIX .. 'workers'
local CORRECTIONS = PREFIX .. 'corrections'
local WEBHOOKS = PREFIX .. 'webhooks'
local RECEIVERS = PREFIX .. 'receivers'
local FINISHED_CHANNEL = PREFIX .. 'finished'

local function job_key(id) return PREFIX .. 'job:' .. id end
local function queue_key(queue) return PREFIX .. 'queue:' .. queue end
local function batch_key(batch) return PREFIX .. 'batch:' .. batch end
local function batch_jobs_key(batch) return PREFIX .. 'batchjobs:' .. batch end
local function batch_rank_key(batch, group) return PREFIX .. 'batchrank:' .. batch .. ':' .. group end
local function hour_key(hour) return PREFIX .. 'hour:' .. hour end
local function delivery_key(delivery) return PREFIX .. 'delivery:' .. delivery end
local function receiver_key(receiver) return PREFIX .. 'receiver:' .. receiver end
local function wanted_key(process) return PREFIX .. 'wanted:' .. process end

local function integer(number) return string.format('%.0f', number) end

local clock = redis.call('TIME')
local NOW = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local HOUR = math.floor(tonumber(clock[1]) / 3600)

-- Host and port of an address: what is one receiver, in whatever case it is written.
local function receiver_of(url)
    return string.lower(string.match(url, '^[^:]+://([^/?#]*)') or url)
end

-- Writes at what instant a receiver's next webhook is due; who claims finds it there, past a receiver that is busy.
local function arrange_receiver(receiver)
    local first = redis.call('ZRANGE', receiver_key(receiver), 0, 0, 'WITHSCORES')
    if first[1] then
        redis.call('ZADD', RECEIVERS, first[2], receiver)
    else
        redis.call('ZREM', RECEIVERS, receiver)
    end
end

-- The only two places where a webhook becomes due, or is due no more.
local function schedule_webhook(delivery, receiver, due)
    redis.call('ZADD', WEBHOOKS, integer(due), delivery)
    redis.call('ZADD', receiver_key(receiver), integer(due), delivery)
    arrange_receiver(receiver)
end

local function unschedule_webhook(delivery, receiver)
    redis.call('ZREM', WEBHOOKS, delivery)
    redis.call('ZREM', receiver_key(receiver), delivery)
    arrange_receiver(receiver)
end

-- Webhooks are noted in the step that they tell of: whoever dies afterwards, they are sent (worker/webhooks).
local function note_webhook(delivery, kind, subject, url, detail, due)
    redis.call('HSET', delivery_key(delivery), 'kind', kind, 'subject', subject, 'url', url, 'detail', detail,
        'state', 'pending', 'created', integer(NOW))
    schedule_webhook(delivery, receiver_of(url), due)
end

local function note_job_webhook(id, status)
    local url = redis.call('HGET', job_key(id), 'webhook')
    if url then note_webhook(id, 'job', id, url, status, NOW) end
end

-- A batch is told of when all that was submitted so far has ended, and 2 s later: its next images may be on their way.
local function note_batch_webhook(batch)
    local record = redis.call('HMGET', batch_key(batch), 'webhook', 'queued', 'running', 'total', 'succeeded', 'failed',
        'cancelled')
    if not record[1] or tonumber(record[2] or 0) + tonumber(record[3] or 0) > 0 then return end
    local delivery = batch .. '-' .. redis.call('HINCRBY', batch_key(batch), 'webhooks', 1)
    local detail = table.concat({record[4], record[5] or 0, record[6] or 0, record[7] or 0}, ' ')
    note_webhook(delivery, 'batch', batch, record[1], detail, NOW + 2000000)
    redis.call('EXPIRE', delivery_key(delivery), redis.call('TTL', batch_key(batch)))
end

-- Drops the latest webhook of a batch unless an attempt has begun: with more images it tells of an end that is none.
local function take_back_batch_webhook(batch)
    local number = redis.call('HGET', batch_key(batch), 'webhooks')
    if not number then return end
    local delivery = batch .. '-' .. number
    local record = redis.call('HMGET', delivery_key(delivery), 'attempts', 'url')
    if tonumber(record[1] or 0) == 0 and record[2] then
        redis.call('DEL', delivery_key(delivery))
        unschedule_webhook(delivery, receiver_of(record[2]))
    end
end

-- Counters move once a script and not once a job: 32 jobs of a chunk move the same ones. Whatever a script tallied is
-- written when it ends, in the same step (common/jobs/scripts.py); nothing reads a counter before that.
local tallies = {}
local latest_of = {}

local function tally(key, field, count)
    tallies[key] = tallies[key] or {}
    tallies[key][field] = (tallies[key][field] or 0) + count
end

local function tally_batch(batch, field, count) tally(batch_key(batch), field, count) end

local function write_tallies()
    for key, counts in pairs(tallies) do
        -- A batch that was erased has no counters any more and gets none.
        if key == COUNTS or redis.call('EXISTS', key) == 1 then
            for field, count in pairs(counts) do
                if count ~= 0 then redis.call('HINCRBY', key, field, count) end
            end
        end
    end
    for batch in pairs(latest_of) do
        if redis.call('EXISTS', batch_key(batch)) == 1 then
            redis.call('HSET', batch_key(batch), 'latest', integer(NOW))
            note_batch_webhook(batch)
        end
    end
end

-- Moves a job of a batch from one status to another; called once for each transition that took effect and never otherwise.
local started_of = {}
local function count_batch(batch, from, to)
    if not batch then return end
    tally_batch(batch, from, -1)
    tally_batch(batch, to, 1)
    if to == 'running' then
        if not started_of[batch] and redis.call('EXISTS', batch_key(batch)) == 1 then
            redis.call('HSETNX', batch_key(batch), 'started', integer(NOW))
        end
        started_of[batch] = true
    elseif to ~= 'queued' then
        latest_of[batch] = true
    end
end

-- When a batch was made, and how long its keys live; asked once a script. Nothing of a batch that was erased.
local life_of = {}
local function batch_life(batch)
    if not life_of[batch] then
        life_of[batch] = {
            created = tonumber(redis.call('HGET', batch_key(batch), 'created') or ''),
            left = redis.call('TTL', batch_key(batch)),
            prolonged = {},
        }
    end
    return life_of[batch]
end

-- Places a job of a batch among those that ended alike: by probability, in steps of 1e-5, then as submitted (milliseconds
-- since the batch was made, for 99 days). 1e5 x 2^33 is a number that a score holds exactly.
local function rank_in_batch(batch, id, group, steps)
    local life = batch_life(batch)
    if not life.created then return end
    local submitted = redis.call('HGET', job_key(id), 'submitted')
    local age = math.floor((tonumber(submitted) - life.created) / 1000)
    local score = steps * 8589934592 + math.max(0, math.min(age, 8589934591))
    local key = batch_rank_key(batch, group)
    if redis.call('ZADD', key, integer(score), id) == 1 then tally_batch(batch, 'rank ' .. group, 1) end
    if life.left >= 0 and not life.prolonged[key] then
        -- Redis rounds: 0 is the last half second of a batch.
        redis.call('EXPIRE', key, math.max(life.left, 1))
        life.prolonged[key] = true
    end
end

-- Ends a job: writes the terminal status and its fields, forgets the lease, counts it, notes the webhook of a single job.
local function finish_job(id, from, to, batch, fields)
    redis.call('HSET', job_key(id), 'status', to, 'finished', integer(NOW), unpack(fields))
    redis.call('ZREM', RUNNING, id)
    tally(COUNTS, to, 1)
    if batch and to == 'failed' then rank_in_batch(batch, id, 'failed', 0) end
    if batch then count_batch(batch, from, to) else note_job_webhook(id, to) end
end

-- Erases the record of a job, with its webhook and its correction; its stored files become due for erasure.
local function forget_job(id)
    redis.call('DEL', job_key(id), delivery_key(id))
    redis.call('ZREM', CORRECTIONS, id)
    redis.call('ZADD', ERASURES, NOW, id)
end

-- Gives a running job back to its queue, where its submission time puts it ahead of younger jobs.
local function requeue_job(id, queue, submitted, batch)
    redis.call('HSET', job_key(id), 'status', 'queued')
    redis.call('ZREM', RUNNING, id)
    redis.call('ZADD', queue_key(queue), submitted, id)
    count_batch(batch, 'running', 'queued')
end

-- Cancels a job that has not ended; returns whether it had not.
local function cancel_job(id, status, queue, batch)
    if status ~= 'queued' and status ~= 'running' then return false end
    redis.call('ZREM', queue_key(queue), id)
    redis.call('ZREM', DELAYED, id)
    finish_job(id, status, 'cancelled', batch, {})
    return true
end

local function announce(ids)
    if #ids > 0 then redis.call('PUBLISH', FINISHED_CHANNEL, table.concat(ids, ' ')) end
end

-- Writes what came of a job's heat map; how its drawing went matters no more.
local function end_explanation(id, explanation)
    redis.call('HSET', job_key(id), 'explanation', explanation)
    redis.call('HDEL', job_key(id), 'explanation_begun', 'explanation_lost')
    announce({id})
end

-- Calls processes that wait at the job store; returns how many. One that died meanwhile is called in vain, for 1.5 s at
-- most: the sweeper's hints are what a job can rely on.
local function call_idle(most, what)
    local idle = redis.call('ZREVRANGEBYSCORE', IDLE, '+inf', NOW, 'LIMIT', 0, most)
    for _, process in ipairs(idle) do
        redis.call('ZREM', IDLE, process)
        redis.call('RPUSH', wanted_key(process), what)
        redis.call('EXPIRE', wanted_key(process), 5)
    end
    return #idle
end

-- One process for each 4 jobs that came to wait: fewer are not worth another one's trip to Redis.
local function call_idle_for(jobs) return call_idle(math.ceil(jobs / 4), 'jobs') end

-- Looks up a used Idempotency-Key: returns 'replayed' and the first answer's ids, 'conflict', or nothing.
-- A key whose jobs (or batch) have all been erased counts as unused: its answer is gone. One that made none is used.
local function replay(key, digest, record_key)
    if key == '' then return nil end
    local known = redis.call('HMGET', key, 'digest', 'ids')
    if not known[1] then return nil end
    local ids = {}
    local kept = 0
    for id in string.gmatch(known[2], '%S+') do
        ids[#ids + 1] = id
        kept = kept + redis.call('EXISTS', record_key(id))
    end
    if kept == 0 and #ids > 0 then return nil end
    if known[1] ~= digest then return 'conflict', {} end
    return 'replayed', ids
end

local function remember(key, digest, life, ids)
    if key ~= '' then
        redis.call('HSET', key, 'digest', digest, 'ids', table.concat(ids, ' '))
        redis.call('EXPIRE', key, life)
    end
end
