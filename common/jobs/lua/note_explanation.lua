-- Notes what came of a job's heat map. ARGV: id, 'ready' or 'unavailable'. Returns 1, or 0 when the job is gone.

local key = job_key(ARGV[1])
if redis.call('EXISTS', key) == 0 then return 0 end
redis.call('HSET', key, 'explanation', ARGV[2])
announce({ARGV[1]})
return 1
