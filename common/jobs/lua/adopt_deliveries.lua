-- Queues pending webhooks by their receiver that an older release queued by time alone; those without a record are dropped.
-- ARGV: ids. Returns how many were queued, and how many dropped.

local queued, dropped = 0, 0
for _, id in ipairs(ARGV) do
    local due = redis.call('ZSCORE', WEBHOOKS, id)
    local url = redis.call('HGET', delivery_key(id), 'url')
    if due and not url then
        redis.call('ZREM', WEBHOOKS, id)
        dropped = dropped + 1
    elseif due and not redis.call('ZSCORE', receiver_key(receiver_of(url)), id) then
        schedule_webhook(id, receiver_of(url), due)
        queued = queued + 1
    end
end
return {queued, dropped}
