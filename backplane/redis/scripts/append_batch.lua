-- A batch that only appends, which is most of them: a script defines its functions anew for each call, so this one has
-- no others. Arguments and answer as in `batch.lua`.
local before
if stored == ARGV[6] then before = cmsgpack.unpack(redis.call('HGET', own, 'answers')) end

local out, kept = {'OK', now, ''}, {}
local i, last, step = 15, #ARGV, 0
while i <= last do
  step = step + 1
  local answer = before and before[step]
  if ARGV[i] == 'A' then
    answer = answer or append(ARGV[i + 1], parse_keep(ARGV[i + 2]), ARGV[i + 3], '', 0)
    i = i + 4
  else
    answer = answer or append(ARGV[i + 1], parse_keep(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4], tonumber(ARGV[i + 5]))
    i = i + 6
  end
  kept[step], out[step + 3] = answer, answer
end
write_channels()
redis.call('HSET', own, 'batch', ARGV[6], 'answers', cmsgpack.pack(kept))
return out
