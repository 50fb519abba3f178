-- Nodes among each other: who is alive, and messages from one to another.

-- Flat: id, name, id, name, ... of the nodes whose lease runs. A node that had to take another inbox is still listed
-- with the old one for a while; its record says which one it reads.
local function peers()
  local out = {}
  local all = redis.call('HGETALL', prefix .. 'nodes')
  for i = 1, #all, 2 do
    local name, id = string.match(all[i + 1], '^(.*) (%S+)$')
    if id and redis.call('HGET', prefix .. 'n:' .. id, 'inbox') == all[i] and
        redis.call('EXISTS', prefix .. 'i:' .. all[i]) == 1 then
      out[#out + 1] = id
      out[#out + 1] = name
    end
  end
  return out
end

-- To one node, or (empty) to all others. G: there is no such node, or the message was meant for an earlier
-- generation, in which it may have arrived.
local function send(to, bytes, meant)
  if meant ~= gen then return 'G' end
  local text = string.format('D. 0 0 %d %d\n', #uid, #bytes) .. uid .. bytes
  if to == '' then
    hand_on({others = redis.call('HKEYS', prefix .. 'nodes')}, text)
    return ''
  end
  local box = redis.call('HGET', prefix .. 'n:' .. to, 'inbox')
  if not box or redis.call('EXISTS', prefix .. 'i:' .. box) == 0 then return 'G' end
  hand_on({others = {box}}, text)
  return ''
end

-- The node ends: its inbox, and so its lease, is gone at once. Where it still has members, the others bury it.
local function bye()
  redis.call('DEL', prefix .. 'i:' .. inbox)
  if redis.call('EXISTS', prefix .. 'w:' .. inbox) == 0 then redis.call('HDEL', prefix .. 'nodes', inbox) end
end
