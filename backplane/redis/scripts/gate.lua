-- What every script but `hello` begins with: is the caller who it says, on the server that the generation belongs to?
--
-- ARGV 1: key prefix, node's id, connection number, generation, inbox, each with a zero behind it: a word of a call
-- costs Redis more than it costs to take five out of one.
local prefix, uid, conn, gen, inbox = struct.unpack('sssss', ARGV[1])
local gate, own = prefix .. 'gate', prefix .. 'n:' .. uid
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored -- number of the node's last batch

do
  local g = redis.call('HMGET', gate, 'gen', 'checked')
  if g[1] ~= gen then return {'GENERATION', 'another generation'} end
  -- A promotion cuts no connection by itself; INFO costs too much for each call, so once a second.
  if g[2] ~= time[1] then
    local info = redis.call('INFO', 'replication')
    if string.match(info, 'master_replid:(%x+)') ~= redis.call('HGET', gate, 'replid') then
      return {'MARK', 'the server has changed'}
    end
    if string.match(info, 'role:(%a+)') ~= 'master' then return {'READONLY', 'the server is a replica'} end
    local replicas = string.match(info, 'connected_slaves:(%d+)')
    -- Without memory this fails; what frees some must not fail with it.
    redis.pcall('HSET', gate, 'checked', time[1], 'replicas', replicas)
  end
  local n = redis.call('HMGET', own, 'conn', 'batch')
  if n[1] ~= conn then return {'FENCED', 'a later connection of this node was here'} end
  stored = n[2]
end
