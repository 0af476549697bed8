-- Closes a batch to further images and notes what is to become of its jobs; sweep_batch.lua carries it out.
-- ARGV: id, 'cancelled' or 'erased'. Returns 1, or 0 when there is no such batch.

local id, state = ARGV[1], ARGV[2]
if redis.call('EXISTS', batch_key(id)) == 0 then return 0 end
if state == 'erased' then
    for _, field in ipairs(redis.call('HKEYS', batch_key(id))) do
        local group = string.match(field, '^rank (.+)$')
        if group then redis.call('DEL', batch_rank_key(id, group)) end
    end
    redis.call('DEL', batch_key(id))
else
    redis.call('HSET', batch_key(id), 'state', state)
end
-- Past its jobs this list has nothing to say; it must not end before they do.
redis.call('PERSIST', batch_jobs_key(id))
redis.call('HSET', CLOSING, id, state)
return 1
