-- Notes files that are about to be stored, so that the sweeper erases those that no record comes to own.
-- ARGV: grace in microseconds, 'keep' (an erasure that is due already stays due) or 'set', ids.

local due = integer(NOW + tonumber(ARGV[1]))
for i = 3, #ARGV do
    if ARGV[2] == 'keep' then
        redis.call('ZADD', ERASURES, 'NX', due, ARGV[i])
    else
        redis.call('ZADD', ERASURES, due, ARGV[i])
    end
end
return #ARGV - 2
