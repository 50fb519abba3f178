-- All that waits for a partition, in one call, in its order; `append_batch.lua` is the same for batches that only
-- append. Answers of steps that change something are stored with
-- the batch's number: a batch whose answer was lost is repeated, and gets them again.
--
-- ARGV 2: as `numbered.lua` has it; then the steps, each a letter, a channel and its arguments.
-- Returns: OK, Redis time, last id in the caller's inbox ('' unless asked), an answer for each step. A read that comes
-- after so many bytes isn't done: its answer is W, and it belongs into a later batch.
if needs_inbox ~= '0' and redis.call('EXISTS', prefix .. 'i:' .. inbox) == 0 then return {'GONE', 'the inbox is gone'} end

local before
if stored == batch then before = cmsgpack.unpack(redis.call('HGET', own, 'answers')) end

local number = tonumber
local out, kept, keeping = {'OK', now, ''}, {}, stores == '1'
local i, last, step, asks_last, leaves = 3, #ARGV, 0, false, false
local room = number(read_room)
while i <= last do
  local what, name = ARGV[i], ARGV[i + 1]
  local answer
  step = step + 1
  local again = before and before[step]
  if what == 'A' then
    answer = again or {append(name, parse_keep(ARGV[i + 2]), ARGV[i + 3], '', 0)}
    kept[step] = answer
    i = i + 4
  elseif what == 'K' then
    answer = again or {append(name, parse_keep(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4], number(ARGV[i + 5]))}
    kept[step] = answer
    i = i + 6
  elseif what == 'S' then
    -- Who knows nothing of the channel is answered in a line.
    answer = ARGV[i + 3] ~= '' and read_bytes >= room and 'W'
             or enroll(name, parse_keep(ARGV[i + 2]), ARGV[i + 3], number(ARGV[i + 4]), number(ARGV[i + 5]),
                       number(ARGV[i + 6]))
    asks_last = true
    kept[step] = false
    i = i + 7
  elseif what == 'U' then
    answer = vacate(name, parse_keep(ARGV[i + 2]))
    kept[step] = false
    i = i + 3
  elseif what == 'R' then
    answer = read_bytes >= room and 'W'
             or recover(name, parse_keep(ARGV[i + 2]), ARGV[i + 3], number(ARGV[i + 4]), number(ARGV[i + 5]))
    kept[step] = false
    i = i + 6
  elseif what == 'H' then
    answer = read_bytes >= room and 'W'
             or history(name, parse_keep(ARGV[i + 2]), ARGV[i + 3], number(ARGV[i + 4]), number(ARGV[i + 5]),
                        ARGV[i + 6] == '1')
    kept[step] = false
    i = i + 7
  elseif what == 'X' then
    answer = again or remove_history(name)
    kept[step] = answer
    i = i + 2
  elseif what == 'E' then
    answer = again or enter(name, ARGV[i + 2], ARGV[i + 3])
    kept[step] = answer
    i = i + 4
  elseif what == 'L' then
    answer = again or leave(name, ARGV[i + 2])
    kept[step] = answer
    i = i + 3
  elseif what == 'M' then
    answer = read_bytes >= room and 'W' or members(name, ARGV[i + 2], number(ARGV[i + 3]))
    kept[step] = false
    i = i + 4
  elseif what == 'G' then
    answer = again or acquire(name, ARGV[i + 2], ARGV[i + 3])
    kept[step] = answer
    i = i + 4
  elseif what == 'F' then
    answer = again or release(name, ARGV[i + 2])
    kept[step] = answer
    i = i + 3
  elseif what == 'T' then
    answer = again or put_notice(ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5] == '1')
    kept[step] = answer
    i = i + 6
  elseif what == 'V' then
    answer = again or drop_notice(ARGV[i + 2])
    kept[step] = answer
    i = i + 3
  elseif what == 'Q' then
    answer = all_notices()
    kept[step] = false
    i = i + 2
  elseif what == 'N' then
    answer = peers()
    kept[step] = false
    i = i + 2
  elseif what == 'D' then
    answer = again or send(ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
    kept[step] = answer
    i = i + 5
  elseif what == 'Z' then -- at the end, since the other steps need the inbox
    answer, leaves = '', true
    kept[step] = false
    i = i + 2
  elseif what == 'AC' then
    answer = claim_actor(name, ARGV[i + 2], ARGV[i + 3])
    kept[step] = false
    i = i + 4
  elseif what == 'AW' then
    if again then
      answer, i = again, i + 11 + 4 * number(ARGV[i + 10])
    else
      answer, i = write_actor(name, i + 2)
    end
    kept[step] = answer
  elseif what == 'AL' then
    answer = abandoned_actors(ARGV[i + 2])
    kept[step] = false
    i = i + 3
  elseif what == 'Y' then -- only asks what the inbox has
    answer, asks_last = '', true
    kept[step] = false
    i = i + 2
  elseif what == 'B' then
    answer = bury(name, ARGV[i + 2])
    kept[step] = false
    i = i + 3
  elseif what == 'C' then
    answer = again or clean(ARGV[i + 2], name, ARGV[i + 3])
    kept[step] = answer
    i = i + 4
  else
    return redis.error_reply('PLEXUS unknown step ' .. what)
  end
  out[#out + 1] = answer
end
write_all()
if keeping then redis.call('HSET', own, 'batch', batch, 'answers', cmsgpack.pack(kept)) end
if asks_last then
  local state = redis.call('XINFO', 'STREAM', prefix .. 'i:' .. inbox)
  for k = 1, #state, 2 do
    if state[k] == 'last-generated-id' then out[3] = state[k + 1] end
  end
end
if leaves then bye() end
return out
