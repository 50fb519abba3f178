-- Reading logs.

-- Is (epoch, n) a prefix of what survives? `which` 1: n is an offset, 2: a sequence number.
local function good(c, epoch, n, which)
  if epoch == '' then return n <= (which == 1 and c.o or c.s) end
  local e, g = string.match(epoch, '^(.*)%.(.*)$')
  if e ~= c.e then return false end
  if g == c.g then return n <= (which == 1 and c.o or c.s) end
  for link_g, o, s in string.gmatch(c.c, '(%S-):(%d+):(%d+)') do
    if link_g == g then return n <= tonumber(which == 1 and o or s) end
  end
  return false
end

local read_bytes = 0 -- that reads of this batch answer

-- Flat: offset, text, offset, text, ...
local function add_range(to, range)
  for _, each in ipairs(range) do
    to[#to + 1] = string.match(each[1], '^(%d+)')
    to[#to + 1] = each[2][2]
    read_bytes = read_bytes + #each[2][2]
  end
end

local function missed(c, keep, since, most, to)
  local count = c.o - since
  if count == 0 then return true end
  if count > most or count > keep.size or c.h <= now then return false end
  local range = redis.call('XRANGE', log_of(c.name), string.format('%d-0', since + 1), '+')
  if #range ~= count then return false end
  add_range(to, range)
  return true
end

-- Epoch, sequence, offset, 1 if all of it follows, the rest.
local function recover(name, keep, epoch, since, most)
  local c = open(name, true)
  keep_alive(c, keep.ttl)
  local out = {epoch_of(c), c.s, c.o, 0}
  if good(c, epoch, since, 1) and missed(c, keep, since, most, out) then out[4] = 1 end
  return out
end

-- `since`, `limit` -1: none. The epoch of the answer is empty when `epoch` is another log's.
local function history(name, keep, epoch, since, limit, reverse)
  local c = open(name, true)
  keep_alive(c, keep.ttl)
  local out = {epoch_of(c), c.s, c.o}
  if since >= 0 and epoch ~= '' and not good(c, epoch, 0, 1) then return {'', c.s, c.o} end
  if limit == 0 or c.h <= now or (reverse and since == 0) then return out end
  local before = math.max(c.o - keep.size, 0) -- older ones may still be there
  if since >= 0 and reverse and since <= before then return out end
  local to = '+'
  if since >= 0 and reverse then to = string.format('(%d-0', since) end
  if since >= 0 and not reverse and since > before then before = since end
  local from = string.format('%d-0', before + 1)
  if limit < 0 then limit = c.o + 1 end
  local range
  if reverse then
    range = redis.call('XREVRANGE', log_of(name), to, from, 'COUNT', limit)
  else
    range = redis.call('XRANGE', log_of(name), from, to, 'COUNT', limit)
  end
  add_range(out, range)
  return out
end

local function remove_history(name)
  local c = open(name, false)
  if c then
    redis.call('DEL', log_of(name))
    c.h, c.y = 0, 0
    dirty(c)
  end
  return ''
end
