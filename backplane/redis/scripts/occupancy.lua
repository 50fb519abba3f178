-- Joining and leaving a channel's occupancy.

-- The caller says what it knows (epoch, sequence, offset). The answer: epoch, sequence, offset, presence version, 1
-- if what it knows is a prefix of what survives, 1 if the rest of the log follows, the rest.
local function enroll(name, keep, epoch, s, o, most)
  local c = open(name, true)
  local there = false
  for _, other in ipairs(c.others) do there = there or other == inbox end
  if not there then
    c.others[#c.others + 1] = inbox
    dirty(c)
  end
  keep_alive(c, keep.ttl)
  local out = {epoch_of(c), c.s, c.o, c.v, 0, 0}
  if epoch ~= '' and good(c, epoch, s, 2) then
    out[5] = 1
    if c.o >= o and missed(c, keep, o, most, out) then out[6] = 1 end
  end
  return out
end

local function vacate(name, keep)
  local c = open(name, false)
  if not c then return '' end
  for i, other in ipairs(c.others) do
    if other == inbox then
      table.remove(c.others, i)
      dirty(c)
      keep_alive(c, keep.ttl)
      break
    end
  end
  return ''
end
