-- A batch that only appends, which is most of them: what Redis spends its time with. So the usual publication (the
-- channel is there and needs no renewal, no idempotency key) is done in one plain loop without functions, which a script
-- would define anew for each call; all else by `append`, as in `batch.lua`. Arguments as there.
-- Returns: APPENDED, Redis time, '', the answers packed, flat: three for each step as `append` has them.
if stored == batch then return {'APPENDED', now, '', redis.call('HGET', own, 'answers')} end

local args, call, pcall, pack, unpack = ARGV, redis.call, redis.pcall, struct.pack, struct.unpack
local sub, find = string.sub, string.find
local channel_keys, log_keys = prefix .. 'c:', prefix .. 'h:'
local in_time, least = now <= tonumber(append_until), tonumber(channel_life)
local generation, time_text = '.' .. gen, time[1] .. sub('00000' .. time[2], -6, -4)
local keep, size, ttl, life
local held, key, raw, o, s, h, y, x, v, epoch, chain, at
local do_append
local answers, n = {}, 0

local i, last = 3, #args
while i <= last do
  local plain, name, done = args[i] == 'A', args[i + 1], false
  if args[i + 2] ~= keep then
    keep = args[i + 2]
    size, ttl = string.match(keep, '^(%d+) (%d+)$') -- nothing with flags
    ttl = tonumber(ttl)
    life = ttl and math.max(ttl, least)
  end
  if plain and size and in_time then
    if name ~= held then
      key, held = channel_keys .. name, nil
      raw = call('GET', key)
      if raw then
        o, s, h, y, x, v, epoch, chain, at = unpack('<I6I6I6I6I6I6ss', raw)
        if find(epoch, generation, 1, true) and now + life <= x then held = name end
      end
    end
    if held then
      local text, offset = time_text .. args[i + 3], 0
      if size == '0' then
        done = true
      elseif h > now and now + ttl <= y then
        -- About the size, as in `append`, which an error is left to.
        local id = pcall('XADD', log_keys .. name, 'MAXLEN', '~', size, o + 1, 'd', text)
        if type(id) == 'string' then
          o, h, done = o + 1, now + ttl, true
          offset = o
        end
      end
      if done then
        s = s + 1
        for j = at, #raw, inbox_length do
          local other = sub(raw, j, j + inbox_length - 1)
          if other ~= inbox then
            local pieces = entries[other]
            if not pieces then
              pieces = {}
              entries[other], boxes[#boxes + 1] = pieces, other
            end
            pieces[#pieces + 1] = 'P' .. pack('<I4I2I2I8I8', #text, #name, #epoch, s, offset) .. epoch .. name .. text
          end
        end
        answers[n + 1], answers[n + 2], answers[n + 3] = epoch, s, offset
        -- The next one of the same channel goes on from here.
        if args[i + 5] ~= name or args[i + 4] ~= 'A' or args[i + 6] ~= keep then
          call('SETRANGE', key, '0', pack('<I6I6I6', o, s, h))
          held = nil
        end
      end
    end
  end
  if not done then
    if not do_append then
      --@ channel append
      do_append = function(channel, keep_text, ...)
        local answer, sequence, offset = append(channel, parse_keep(keep_text), ...)
        write_channels()
        channels, touched = {}, {}
        return answer, sequence, offset
      end
    end
    if held then call('SETRANGE', key, '0', pack('<I6I6I6', o, s, h)) end
    held = nil
    local keyed = args[i] == 'K'
    answers[n + 1], answers[n + 2], answers[n + 3] =
      do_append(name, keep, args[i + 3], keyed and args[i + 4] or '', keyed and tonumber(args[i + 5]) or 0)
  end
  n = n + 3
  i = i + (plain and 4 or 6)
end
for _, box in ipairs(boxes) do
  -- Null: its node's lease ran out. Whoever comes by takes it out of the occupancy.
  if not call('XADD', prefix .. 'i:' .. box, 'NOMKSTREAM', 'MAXLEN', '~', inbox_most, '1-*', 'b', table.concat(entries[box])) then
    i = 3
    while i <= last do
      key = prefix .. 'c:' .. args[i + 1]
      raw = call('GET', key)
      if raw then
        at = select(9, unpack('<I6I6I6I6I6I6ss', raw))
        local kept = {sub(raw, 1, at - 1)}
        for j = at, #raw, inbox_length do
          local other = sub(raw, j, j + inbox_length - 1)
          if other ~= box then kept[#kept + 1] = other end
        end
        call('SET', key, table.concat(kept), 'KEEPTTL')
      end
      i = i + (args[i] == 'A' and 4 or 6)
    end
  end
end
local packed = cmsgpack.pack(answers)
call('HSET', own, 'batch', batch, 'answers', packed)
return {'APPENDED', now, '', packed}
