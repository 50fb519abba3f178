-- Channels as the operations of one batch see them: read once, written once, at the end.
--
-- A channel is one packed string, since one value costs Redis a fraction of what several and numbers as text do: six
-- numbers, its whole epoch (its own and the generation it was last touched in), the positions at which earlier
-- generations ended, the inboxes that occupy it. The numbers: o the log's last offset; s the sequence of everything
-- handed on (publications, passing messages, presence changes); h when the history is over; y and x when the history's
-- stream and the channel expire; v the presence version. `append_batch.lua` knows it too.
local channels, touched = {}, {}
local made, floor_life = 0, tonumber(channel_life)
local chain_most = 16
local state = '<I6I6I6I6I6I6ss'

local function log_of(name) return prefix .. 'h:' .. name end

-- A channel made anew has a new random epoch, and no history of another log.
local function begin_log(c)
  made = made + 1
  c.e, c.g, c.c, c.o, c.h, c.y = string.sub(redis.sha1hex(nonce .. made), 1, 16), gen, '', 0, 0, 0
  redis.call('DEL', log_of(c.name))
end

local function dirty(c)
  if not c.dirty then
    c.dirty = true
    touched[#touched + 1] = c
  end
end

-- Null when nothing is known of it and `make` isn't set.
local function open(name, make)
  local c = channels[name]
  if c then return c end
  local key = prefix .. 'c:' .. name
  local raw = redis.call('GET', key)
  if not raw then
    if not make then return nil end
    c = {name = name, key = key, others = {}, s = 0, v = 0, x = 0}
    begin_log(c)
    dirty(c)
  else
    local o, s, h, y, x, v, epoch, chain, at = struct.unpack(state, raw)
    local e, g = string.match(epoch, '^(.*)%.(.*)$')
    local others = {}
    for i = at, #raw, inbox_length do others[#others + 1] = string.sub(raw, i, i + inbox_length - 1) end
    c = {name = name, key = key, others = others, o = o, s = s, h = h, y = y, x = x, v = v, e = e, g = g, c = chain}
    if g ~= gen then
      -- Where each generation ended: a position beyond that is of writes that were lost.
      local links = {}
      for link in string.gmatch(c.c, '%S+') do links[#links + 1] = link end
      links[#links + 1] = string.format('%s:%d:%d', c.g, c.o, c.s)
      while #links > chain_most do table.remove(links, 1) end
      c.c, c.g = table.concat(links, ' '), gen
      dirty(c)
    end
  end
  channels[name] = c
  return c
end

local function epoch_of(c) return c.e .. '.' .. c.g end

-- The channel lives at least `life` ms more; refreshed in steps, so that most calls needn't.
local function keep_alive(c, life)
  if life < floor_life then life = floor_life end
  if c.x < now + life then
    c.x = now + math.floor(life * 1.25)
    dirty(c)
  end
end

local function hand_on(c, text)
  for _, other in ipairs(c.others) do
    if other ~= inbox then
      local pieces = entries[other]
      if not pieces then
        pieces = {}
        entries[other], boxes[#boxes + 1] = pieces, other
      end
      pieces[#pieces + 1] = text
    end
  end
end

-- Null for an inbox that is gone: its node's lease ran out.
local function write_entry(box)
  return redis.call('XADD', prefix .. 'i:' .. box, 'NOMKSTREAM', 'MAXLEN', '~', inbox_most, '1-*', 'b',
                    table.concat(entries[box]))
end

local function write_channels()
  for _, c in ipairs(touched) do
    redis.call('SET', c.key, struct.pack(state, c.o, c.s, c.h, c.y, c.x, c.v, epoch_of(c), c.c) .. table.concat(c.others),
               'PXAT', string.format('%d', c.x))
  end
end

local function write_all()
  for _, box in ipairs(boxes) do
    -- Whoever comes by takes one that is gone out of the occupancy.
    if not write_entry(box) then
      for _, c in ipairs(touched) do
        for i = #c.others, 1, -1 do
          if c.others[i] == box then table.remove(c.others, i) end
        end
      end
    end
  end
  write_channels()
end
