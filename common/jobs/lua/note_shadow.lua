-- Stores a shadow version's answer beside a result, once, and counts the pair. What has no result (any more) gets none.
-- ARGV: id, served version, served label, shadow version, outcome, label, probabilities. Returns 1, or 0 when not stored.

local key = job_key(ARGV[1])
local record = redis.call('HMGET', key, 'status', 'version', 'outcome', 'shadow_version')
local served = ARGV[2]
if record[1] ~= 'succeeded' or record[2] ~= served or record[4] then return 0 end
redis.call('HSET', key, 'shadow_version', ARGV[4], 'shadow_outcome', ARGV[5], 'shadow_probabilities', ARGV[7])
local pair = served .. ' ' .. ARGV[4] .. ' '
redis.call('HINCRBY', COUNTS, 'shadow_label ' .. pair .. ARGV[3] .. ' ' .. ARGV[6], 1)
redis.call('HINCRBY', COUNTS, 'shadow_outcome ' .. pair .. record[3] .. ' ' .. ARGV[5], 1)
return 1
