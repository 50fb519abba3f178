-- Channels as the operations of one batch see them: read once, written once, at the end.
--
-- The hash of a channel: p its state; c the positions at which earlier generations ended; and a field for each inbox
-- that occupies it (their names are longer than one letter). The state is packed, since numbers as text cost Redis more
-- than everything else here, and one field less than several: six numbers, g the generation it was last touched in, e
-- its epoch. The numbers: o the log's last offset; s the sequence of everything handed on (publications, passing
-- messages, presence changes); v the presence version; h when the history is over; x and y when the hash and the
-- history's stream expire.
local channels, touched = {}, {}
local entries, boxes = {}, {} -- for each inbox what this batch hands on to it
local nonce, made = ARGV[8], 0
local floor_life, inbox_most = tonumber(ARGV[10]), ARGV[11]
local chain_most = 16
local state = '<ddddddss'

local function hash_of(name) return prefix .. 'c:' .. name end
local function log_of(name) return prefix .. 'h:' .. name end

-- A hash made anew has a new random epoch, and no history of another log.
local function begin_log(c)
  made = made + 1
  c.e, c.g, c.c, c.o, c.h, c.y = nonce .. made, gen, '', 0, 0, 0
  c.born = true
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
  local key = hash_of(name)
  local raw = redis.call('HGETALL', key)
  if #raw == 0 then
    if not make then return nil end
    c = {name = name, key = key, others = {}, s = 0, v = 0, x = 0}
    begin_log(c)
    dirty(c)
  else
    local others, p = {}
    c = {name = name, key = key, others = others, c = ''}
    for i = 1, #raw, 2 do
      local field = raw[i]
      if field == 'p' then
        p = raw[i + 1]
      elseif field == 'c' then
        c.c = raw[i + 1]
      else
        others[#others + 1] = field
      end
    end
    c.o, c.s, c.v, c.h, c.x, c.y, c.g, c.e = struct.unpack(state, p)
    if c.g ~= gen then
      -- Where each generation ended: a position beyond that is of writes that were lost.
      local links = {}
      for link in string.gmatch(c.c, '%S+') do links[#links + 1] = link end
      links[#links + 1] = string.format('%s:%d:%d', c.g, c.o, c.s)
      while #links > chain_most do table.remove(links, 1) end
      c.c, c.g, c.born = table.concat(links, ' '), gen, true
      dirty(c)
    end
  end
  channels[name] = c
  return c
end

local function epoch_of(c) return c.e .. '.' .. c.g end

-- The hash lives at least `life` ms more; refreshed in steps, so that most calls needn't.
local function keep_alive(c, life)
  if life < floor_life then life = floor_life end
  if c.x < now + life then
    c.x = now + math.floor(life * 1.25)
    c.extended = true
    dirty(c)
  end
end

local function hand_on(c, text)
  for _, other in ipairs(c.others) do
    if other ~= inbox then
      local list = entries[other]
      if not list then
        list = {}
        entries[other] = list
        boxes[#boxes + 1] = other
      end
      list[#list + 1] = text
    end
  end
end

local function write_channels()
  for _, box in ipairs(boxes) do
    -- No inbox: its node's lease ran out. Whoever comes by takes it out of the occupancy.
    local id = redis.call('XADD', prefix .. 'i:' .. box, 'NOMKSTREAM', 'MAXLEN', '~', inbox_most, '1-*', 'b',
                          table.concat(entries[box]))
    if not id then
      for _, c in ipairs(touched) do
        for _, other in ipairs(c.others) do
          if other == box then redis.call('HDEL', c.key, box) end
        end
      end
    end
  end
  for _, c in ipairs(touched) do
    local p = struct.pack(state, c.o, c.s, c.v, c.h, c.x, c.y, c.g, c.e)
    if c.born and c.c ~= '' then
      redis.call('HSET', c.key, 'p', p, 'c', c.c)
    else
      redis.call('HSET', c.key, 'p', p)
    end
    if c.extended then redis.call('PEXPIREAT', c.key, string.format('%d', c.x)) end
  end
end
