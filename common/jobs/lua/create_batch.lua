-- Makes an empty batch. ARGV: idempotency key ('' for none), body digest, its life in seconds, id, name, the batch's
-- life in seconds, webhook ('' for none). Returns {'created'|'replayed'|'conflict', id, this instant}.

local idempotency, digest, life, id, name, batch_life, webhook = unpack(ARGV)
local verdict, answer = replay(idempotency, digest, batch_key)
if verdict then return {verdict, answer[1] or '', 0} end

redis.call('HSET', batch_key(id), 'state', 'open', 'name', name, 'created', integer(NOW))
if webhook ~= '' then redis.call('HSET', batch_key(id), 'webhook', webhook) end
redis.call('EXPIRE', batch_key(id), batch_life)
remember(idempotency, digest, life, {id})
return {'created', id, integer(NOW)}
