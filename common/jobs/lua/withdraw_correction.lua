-- Takes a correction back; without one nothing happens. What was counted stays counted, and the job keeps its place in
-- the list: a data set that has the photograph by then is told. ARGV: id. Returns 1, or 0 when the job is gone.

if redis.call('EXISTS', job_key(ARGV[1])) == 0 then return 0 end
redis.call('HDEL', job_key(ARGV[1]), 'corrected', 'corrected_at')
return 1
