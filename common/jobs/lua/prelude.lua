-- Shared by every script: key names, the one clock (Redis's own), and the only place where a status changes.
-- Instants are microseconds since 1970, UTC; a Lua number holds them exactly until the year 2255.

local PREFIX = 'dentiq:'
local RUNNING = PREFIX .. 'running'
local DELAYED = PREFIX .. 'delayed'
local ERASURES = PREFIX .. 'erasures'
local HOURS = PREFIX .. 'hours'
local COUNTS = PREFIX .. 'counts'
local FINISHED_CHANNEL = PREFIX .. 'finished'

local function job_key(id) return PREFIX .. 'job:' .. id end
local function queue_key(queue) return PREFIX .. 'queue:' .. queue end
local function batch_key(batch) return PREFIX .. 'batch:' .. batch end
local function hour_key(hour) return PREFIX .. 'hour:' .. hour end

local function integer(number) return string.format('%.0f', number) end

local clock = redis.call('TIME')
local NOW = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local HOUR = math.floor(tonumber(clock[1]) / 3600)

-- Moves a batch's counters; called once for each transition that took effect and never otherwise.
local function count_batch(batch, from, to)
    if batch and batch ~= '' then
        if from then redis.call('HINCRBY', batch_key(batch), from, -1) end
        redis.call('HINCRBY', batch_key(batch), to, 1)
    end
end

-- Ends a job: writes the terminal status and its fields, forgets the lease, counts it.
local function finish_job(id, from, to, batch, fields)
    redis.call('HSET', job_key(id), 'status', to, 'finished', integer(NOW), unpack(fields))
    redis.call('ZREM', RUNNING, id)
    redis.call('HINCRBY', COUNTS, to, 1)
    count_batch(batch, from, to)
end

-- Gives a running job back to its queue, where its submission time puts it ahead of younger jobs.
local function requeue_job(id, queue, submitted, batch)
    redis.call('HSET', job_key(id), 'status', 'queued')
    redis.call('ZREM', RUNNING, id)
    redis.call('ZADD', queue_key(queue), submitted, id)
    count_batch(batch, 'running', 'queued')
end

local function announce(ids)
    if #ids > 0 then redis.call('PUBLISH', FINISHED_CHANNEL, table.concat(ids, ' ')) end
end
