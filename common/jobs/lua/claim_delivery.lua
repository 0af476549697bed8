-- Leases the webhook that has been due longest among those to receivers that may be given one more request, and drops those
-- whose job or batch was erased meanwhile.
-- The attempt counts from here on, so that a webhook that takes its sender down is not tried for ever. Should the answer
-- be lost, the lease ends and the next attempt follows.
-- ARGV: lease in microseconds, 'but' or 'among', receivers to pass over or alone to look at. Returns id, receiver, kind,
-- subject, url, detail, created, attempt; nothing when none is due.

local named = {}
for place = 3, #ARGV do named[ARGV[place]] = true end

-- A receiver stands here once, however much is due to it: one look past those that are passed over finds the next.
local function next_but_named()
    for _, receiver in ipairs(redis.call('ZRANGEBYSCORE', RECEIVERS, '-inf', integer(NOW), 'LIMIT', 0, #ARGV)) do
        if not named[receiver] then return receiver end
    end
end

local function next_among_named()
    local first, earliest
    for place = 3, #ARGV do
        local due = tonumber(redis.call('ZSCORE', RECEIVERS, ARGV[place]) or NOW + 1)
        if due <= NOW and due < (earliest or NOW + 1) then first, earliest = ARGV[place], due end
    end
    return first
end

local next_receiver = ARGV[2] == 'among' and next_among_named or next_but_named

for _ = 1, 100 do
    local receiver = next_receiver()
    if not receiver then return {} end
    local id = redis.call('ZRANGE', receiver_key(receiver), 0, 0)[1]
    local record = redis.call('HMGET', delivery_key(id), 'kind', 'subject', 'url', 'detail', 'created')
    if not record[1] or (record[1] == 'batch' and redis.call('EXISTS', batch_key(record[2])) == 0) then
        unschedule_webhook(id, receiver)
        redis.call('DEL', delivery_key(id))
    else
        schedule_webhook(id, receiver, NOW + tonumber(ARGV[1]))
        local attempt = redis.call('HINCRBY', delivery_key(id), 'attempts', 1)
        return {id, receiver, record[1], record[2], record[3], record[4], record[5], attempt}
    end
end
return {}
