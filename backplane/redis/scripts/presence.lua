-- Members: in a hash for each channel, by client, each with the inbox of the node it belongs to (12 bytes) and what
-- others see. For each inbox a hash counts its members by channel, so that they are found when its node is gone.
local owner_length = 12

local function set_of(name) return prefix .. 'm:' .. name end

local function count(owner, name, by)
  if redis.call('HINCRBY', prefix .. 'w:' .. owner, name, by) <= 0 then
    redis.call('HDEL', prefix .. 'w:' .. owner, name)
  end
end

local function changed(c, kind, info)
  c.s, c.v = c.s + 1, c.v + 1
  dirty(c)
  hand_on(c, string.format('M%s %d %d %d %d %s\n', epoch_of(c), c.s, c.v, #c.name, #info, kind) .. c.name .. info)
end

-- Epoch, sequence, version, what changed (n, j, u, l), the member.
local function enter(name, client, info)
  local c = open(name, true)
  keep_alive(c, 0)
  local old = redis.call('HGET', set_of(name), client)
  local kind = 'j'
  if old then
    local owner = string.sub(old, 1, owner_length)
    kind = string.sub(old, owner_length + 1) == info and 'n' or 'u'
    if owner ~= inbox then count(owner, name, -1) end
    if owner == inbox and kind == 'n' then return {epoch_of(c), c.s, c.v, 'n', info} end
    if owner ~= inbox then count(inbox, name, 1) end
  else
    count(inbox, name, 1)
  end
  redis.call('HSET', set_of(name), client, inbox .. info)
  if kind ~= 'n' then changed(c, kind, info) end
  return {epoch_of(c), c.s, c.v, kind, info}
end

local function leave(name, client)
  local old = redis.call('HGET', set_of(name), client)
  local c = open(name, old)
  if not c then return {'', 0, 0, 'n', ''} end
  if not old then return {epoch_of(c), c.s, c.v, 'n', ''} end
  redis.call('HDEL', set_of(name), client)
  count(string.sub(old, 1, owner_length), name, -1)
  local info = string.sub(old, owner_length + 1)
  changed(c, 'l', info)
  return {epoch_of(c), c.s, c.v, 'l', info}
end

-- All members, or from `cursor` on about `size` of a large set: epoch, sequence, version, the next cursor (0: that was
-- all), members with their owners.
local function members(name, cursor, size)
  local c = open(name, false)
  if not c then return {'', 0, 0, '0'} end
  local out = {epoch_of(c), c.s, c.v, '0'}
  if cursor == '0' and redis.call('HLEN', set_of(name)) <= 2 * size then
    for _, each in ipairs(redis.call('HVALS', set_of(name))) do
      out[#out + 1] = each
      read_bytes = read_bytes + #each
    end
    return out
  end
  local page = redis.call('HSCAN', set_of(name), cursor, 'COUNT', size)
  out[4] = page[1]
  for i = 2, #page[2], 2 do
    out[#out + 1] = page[2][i]
    read_bytes = read_bytes + #page[2][i]
  end
  return out
end

-- Some of the channels in which a node that is gone has members; none left: it is forgotten. Random ones: those who
-- clean up share the work, and a hash that empties from one end doesn't have to be looked through.
local function bury(dead, most)
  if redis.call('EXISTS', prefix .. 'i:' .. dead) == 1 then return {} end
  local names = redis.call('HRANDFIELD', prefix .. 'w:' .. dead, most)
  if #names == 0 then redis.call('HDEL', prefix .. 'nodes', dead) end
  return names
end

local clean_room = 1000 -- members that one batch looks at, so that Redis never stands still for a large node

-- Looks at the channel's next members, from `cursor` on ('0': the first), and takes out those of a node that is gone.
-- Epoch, the next cursor (empty: none of them is left), then for each that left: sequence, version, member. A cursor is
-- good on the server that gave it; on another one it begins again.
local function clean(dead, name, cursor)
  if redis.call('EXISTS', prefix .. 'i:' .. dead) == 1 then return {'', ''} end
  if clean_room <= 0 then return {'', cursor} end
  local from, by = string.match(cursor, '^(%d+) (%x+)$')
  local server = redis.call('HGET', gate, 'replid')
  local page = redis.call('HSCAN', set_of(name), by == server and from or '0', 'COUNT', clean_room)
  local all = page[2]
  clean_room = clean_room - math.max(#all / 2, 1)
  local c
  local out = {'', page[1] == '0' and '' or page[1] .. ' ' .. server}
  for i = 1, #all, 2 do
    if string.sub(all[i + 1], 1, owner_length) == dead then
      c = c or open(name, true)
      redis.call('HDEL', set_of(name), all[i])
      local info = string.sub(all[i + 1], owner_length + 1)
      changed(c, 'l', info)
      out[#out + 1] = c.s
      out[#out + 1] = c.v
      out[#out + 1] = info
    end
  end
  if c then
    keep_alive(c, 0)
    out[1] = epoch_of(c)
  end
  if out[2] == '' then redis.call('HDEL', prefix .. 'w:' .. dead, name) end
  return out
end
