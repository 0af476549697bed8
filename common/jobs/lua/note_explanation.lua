-- Notes what came of a job's heat map. ARGV: id, 'ready' or 'unavailable'. Returns 1, or 0 when the job is gone.

if redis.call('EXISTS', job_key(ARGV[1])) == 0 then return 0 end
end_explanation(ARGV[1], ARGV[2])
return 1
