-- Leases the webhook that has been due longest, and drops those whose job or batch was erased meanwhile.
-- The attempt counts from here on, so that a webhook that takes its sender down is not tried for ever. Should the answer
-- be lost, the lease ends and the next attempt follows.
-- ARGV: lease in microseconds. Returns id, kind, subject, url, detail, created, attempt; nothing when none is due.

for _, id in ipairs(redis.call('ZRANGEBYSCORE', WEBHOOKS, '-inf', integer(NOW), 'LIMIT', 0, 100)) do
    local record = redis.call('HMGET', delivery_key(id), 'kind', 'subject', 'url', 'detail', 'created')
    if not record[1] or (record[1] == 'batch' and redis.call('EXISTS', batch_key(record[2])) == 0) then
        redis.call('ZREM', WEBHOOKS, id)
        redis.call('DEL', delivery_key(id))
    else
        redis.call('ZADD', WEBHOOKS, integer(NOW + tonumber(ARGV[1])), id)
        local attempt = redis.call('HINCRBY', delivery_key(id), 'attempts', 1)
        return {id, record[1], record[2], record[3], record[4], record[5], attempt}
    end
end
return {}
