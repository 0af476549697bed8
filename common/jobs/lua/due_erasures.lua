-- Lists stored files that no record owns and whose time has come. A file whose record is there is owned: its announcement
-- was made for the case that its maker dies, or that its job is erased meanwhile, and is dropped.
-- ARGV: most ids to look at. Returns ids.

for _, id in ipairs(redis.call('ZRANGEBYSCORE', DERIVED, '-inf', integer(NOW), 'LIMIT', 0, ARGV[1])) do
    -- What was stored after the erasure of its job was carried out is found by another one.
    if redis.call('EXISTS', job_key(id)) == 0 then redis.call('ZADD', ERASURES, integer(NOW), id) end
    redis.call('ZREM', DERIVED, id)
end

local due = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', ERASURES, '-inf', integer(NOW), 'LIMIT', 0, ARGV[1])) do
    if redis.call('EXISTS', job_key(id)) == 1 then
        redis.call('ZREM', ERASURES, id)
    else
        due[#due + 1] = id
    end
end
return due
