-- Appending to logs. `keep`: "size ttl"; size 0 for a channel without a log.
local keeps = {}
local function parse_keep(text)
  local k = keeps[text]
  if not k then
    local size, ttl, flags = string.match(text, '^(%d+) (%d+) ?(%a*)$')
    k = {size = tonumber(size), most = size, ttl = tonumber(ttl), skip = string.find(flags, 's') ~= nil,
         replicated = string.find(flags, 'r') ~= nil}
    keeps[text] = k
  end
  return k
end

-- Whether no replica is connected: asked for where somebody wants one, and once.
local replicas
local function without_replica()
  replicas = replicas or redis.call('HGET', gate, 'replicas')
  return replicas == '0'
end

local deadline, slack = tonumber(append_until), tonumber(outlives)
local stamp = string.format('%013.0f', now)

-- What is handed on of a publication, before its epoch, channel and text: their sizes, its sequence number and offset.
local publication_head = '<I4I2I2I8I8'

-- Three answers: epoch, sequence, offset. Instead of the epoch: L late, N no replica, O no memory, D and the first
-- answer of that key, a point when nobody listens and nothing is kept. With a key and no life for it this only looks:
-- a question mark when the key isn't known.
local function append(name, keep, body, key, key_life)
  if now > deadline then return 'L', 0, 0 end
  if keep.replicated and without_replica() then return 'N', 0, 0 end
  local logs = keep.size > 0 and not keep.skip
  local record
  if key ~= '' then
    record = prefix .. 'k:' .. name .. '\0' .. key
    local first = redis.call('GET', record)
    if first then return 'D ' .. first, 0, 0 end
    if key_life == 0 then return '?', 0, 0 end
  end
  local c = open(name, logs)
  if not c then -- nobody listens and nothing is kept
    if record then redis.call('SET', record, '. 0', 'PX', key_life + slack) end
    return '.', 0, 0
  end
  local text, o = stamp .. body, 0
  if logs then
    if c.h <= now and c.o > 0 then
      redis.call('DEL', log_of(name))
      c.y = 0 -- the next stream has no expiry yet
    end
    -- About the size: exact trimming costs twice what the rest of this command does, and frees no memory either.
    -- Readers go no further back than the size.
    local added = redis.pcall('XADD', log_of(name), 'MAXLEN', '~', keep.most, string.format('%d', c.o + 1), 'd', text)
    if type(added) == 'table' and added.err then
      if string.find(added.err, 'OOM', 1, true) then return 'O', 0, 0 end
      begin_log(c) -- the stream was ahead of the hash: one of them isn't ours any more
      redis.call('XADD', log_of(name), '1-0', 'd', text)
    end
    o = c.o + 1
    c.o, c.h = o, now + keep.ttl
    if c.y < c.h then
      c.y = c.h + math.floor(keep.ttl / 4)
      redis.call('PEXPIREAT', log_of(name), string.format('%d', c.y))
    end
  end
  c.s = c.s + 1
  dirty(c)
  keep_alive(c, math.max(keep.ttl, key_life))
  local epoch = epoch_of(c)
  if #c.others > 0 then
    hand_on(c, 'P' .. struct.pack(publication_head, #text, #name, #epoch, c.s, o) .. epoch .. name .. text)
  end
  if record then
    redis.call('SET', record, string.format('%s %d', o > 0 and epoch or '.', o), 'PX', key_life + slack)
  end
  return epoch, c.s, o
end
