-- What every script but `hello` begins with: is the caller who it says, on the server that the generation belongs to?
--
-- ARGV 1-5: key prefix, node's id, connection number, generation, inbox
local prefix, uid, conn, gen, inbox = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local gate, own = prefix .. 'gate', prefix .. 'n:' .. uid
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local replicas, replid
local stored -- number of the node's last batch

do
  local g = redis.call('HMGET', gate, 'gen', 'replid', 'checked', 'replicas')
  if g[1] ~= gen then return {'GENERATION', 'another generation'} end
  replid, replicas = g[2], g[4]
  -- A promotion cuts no connection by itself; INFO costs too much for each call, so once a second.
  if g[3] ~= time[1] then
    local info = redis.call('INFO', 'replication')
    if string.match(info, 'master_replid:(%x+)') ~= replid then return {'MARK', 'the server has changed'} end
    if string.match(info, 'role:(%a+)') ~= 'master' then return {'READONLY', 'the server is a replica'} end
    replicas = string.match(info, 'connected_slaves:(%d+)')
    -- Without memory this fails; what frees some must not fail with it.
    redis.pcall('HSET', gate, 'checked', time[1], 'replicas', replicas)
  end
  local n = redis.call('HMGET', own, 'conn', 'batch')
  if n[1] ~= conn then return {'FENCED', 'a later connection of this node was here'} end
  stored = n[2]
end
