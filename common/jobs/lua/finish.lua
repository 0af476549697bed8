-- Writes results and failures of leased jobs; a writer whose lease was taken over is refused.
-- ARGV: for each job nine values: id, attempt, status, then
--   succeeded: version, outcome, label, probabilities, decode, inference       failed: code, message, '', '', '', ''.
-- Returns 1 (written, now or by an earlier sending of the same) or 0 (refused) for each job.

local function highest(probabilities)
    local best = 0
    for steps in string.gmatch(probabilities, '%d+') do best = math.max(best, tonumber(steps)) end
    return best
end

local answers = {}
local ended = {}

for i = 1, #ARGV, 9 do
    local id, attempt, status = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local record = redis.call('HMGET', job_key(id), 'status', 'attempts', 'batch')
    local batch = record[3]
    if record[2] ~= attempt then
        answers[#answers + 1] = 0
    elseif record[1] ~= 'running' then
        answers[#answers + 1] = record[1] == status and 1 or 0
    elseif status == 'succeeded' then
        local version, outcome, label = ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
        finish_job(id, 'running', status, batch, {
            'version', version, 'outcome', outcome,
            'probabilities', ARGV[i + 6], 'decode', ARGV[i + 7], 'inference', ARGV[i + 8],
        })
        tally(COUNTS, 'outcome ' .. version .. ' ' .. outcome, 1)
        tally(COUNTS, 'label ' .. version .. ' ' .. label, 1)
        if batch then
            tally_batch(batch, 'outcome ' .. outcome, 1)
            -- A label counts where the model stands by it; what it only leaned to is no finding.
            if outcome == 'answered' then tally_batch(batch, 'label ' .. label, 1) end
            rank_in_batch(batch, id, outcome .. ' ' .. label, highest(ARGV[i + 6]))
        end
        answers[#answers + 1] = 1
        ended[#ended + 1] = id
    else
        finish_job(id, 'running', status, batch, {'error_code', ARGV[i + 3], 'error', ARGV[i + 4]})
        tally(COUNTS, 'error ' .. ARGV[i + 3], 1)
        answers[#answers + 1] = 1
        ended[#ended + 1] = id
    end
end

announce(ended)
return answers
