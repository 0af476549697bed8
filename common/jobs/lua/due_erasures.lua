-- Lists stored files that no record owns and whose time has come. A file whose record is there is owned: its announcement
-- was made for the case that its maker dies, or that its job is erased meanwhile, and is dropped.
-- ARGV: most ids to look at. Returns ids.

local due = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', ERASURES, '-inf', integer(NOW), 'LIMIT', 0, ARGV[1])) do
    if redis.call('EXISTS', job_key(id)) == 1 then
        redis.call('ZREM', ERASURES, id)
    else
        due[#due + 1] = id
    end
end
return due
