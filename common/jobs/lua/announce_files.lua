-- Notes files that are about to be stored, so that the sweeper erases those that no record owns.
-- ARGV: grace in microseconds, 'uploads' (no record yet) or 'derived' (of a job that there is), ids.

local due = integer(NOW + tonumber(ARGV[1]))
for i = 3, #ARGV do
    if ARGV[2] == 'derived' then
        -- One look is enough for several files, after the last of them.
        redis.call('ZADD', DERIVED, 'GT', due, ARGV[i])
    else
        redis.call('ZADD', ERASURES, due, ARGV[i])
    end
end
return #ARGV - 2
