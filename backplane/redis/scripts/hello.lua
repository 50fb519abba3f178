-- A connection introduces itself: who the server is gets compared with what the partition has stored, and where that
-- changed, the generation is raised. Names the inbox that the node has from now on.
--
-- On a Cluster the partition may have been moved here, with all that it had. The caller proves it by naming the server
-- that it was moved from, which must be the one that the partition has stored, and this one as it was before; then the
-- generation stays.
--
-- ARGV: key prefix, node's id, connection number, generation and inbox known so far, inbox name to take if that one
-- is no good, generation to raise to, lease in ms, number of partitions, node's name, life of the node's record in ms,
-- mark of the server it was moved from, mark of this one ('' and '': no proof)
-- Returns: OK, generation, inbox, 1 if it is new, last id in it, Redis time, server's mark, ms since the generation
-- began; or a refusal and why.
local prefix, uid, conn, gen, inbox = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local gate, own = prefix .. 'gate', prefix .. 'n:' .. uid

local info = redis.call('INFO', 'replication')
if string.match(info, 'role:(%a+)') ~= 'master' then return {'READONLY', 'the server is a replica'} end
local replid = string.match(info, 'master_replid:(%x+)')
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local mark = run_id .. ' ' .. replid
local replicas = string.match(info, 'connected_slaves:(%d+)')

local known = redis.call('HMGET', gate, 'gen', 'mark', 'partitions', 'began')
if known[3] and known[3] ~= ARGV[9] then return {'PARTITIONS', known[3]} end
local last_conn = tonumber(redis.call('HGET', own, 'conn') or 0)
if last_conn >= conn then return {'FENCED', 'a later connection of this node was here'} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local current, began = known[1], tonumber(known[4]) or 0
if not current or known[2] ~= mark then
  local came_whole = current and known[2] == ARGV[12] and mark == ARGV[13]
  if not came_whole then
    current = ARGV[7]
    began = now
    redis.call('HDEL', gate, 'calm') -- nobody had the time to renew (renew.lua)
  end
  redis.call('HSET', gate, 'gen', current, 'mark', mark, 'partitions', ARGV[9], 'began', began)
end
redis.call('HSET', gate, 'replid', replid, 'checked', time[1], 'replicas', replicas)

local created = 0
if inbox == '' or gen ~= current or redis.call('EXISTS', prefix .. 'i:' .. inbox) == 0 then
  inbox, created = ARGV[6], 1
  redis.call('XADD', prefix .. 'i:' .. inbox, '1-0', 'b', '')
end
redis.call('PEXPIRE', prefix .. 'i:' .. inbox, ARGV[8])
redis.call('HSET', prefix .. 'nodes', inbox, ARGV[10] .. ' ' .. uid)
redis.call('HSET', own, 'conn', conn, 'inbox', inbox)
redis.call('PEXPIRE', own, ARGV[11])
local last = '1-0'
local state = redis.call('XINFO', 'STREAM', prefix .. 'i:' .. inbox)
for i = 1, #state, 2 do
  if state[i] == 'last-generated-id' then last = state[i + 1] end
end
return {'OK', current, inbox, created, last, now, mark, math.max(now - began, 0)}
