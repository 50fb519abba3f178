-- Small facts with an expiry that every node knows: a hash, and their ends in a sorted set. Every node occupies the
-- channel without a name, in which changes are handed on.
local held_notices, notice_ends = prefix .. 'notices', prefix .. 'notices:ends'
local most_notices, most_over = 100000, 20

-- Epoch, sequence, "value end key".
local function tell_notice(key, value, ends)
  local c = open('', true)
  keep_alive(c, 0)
  c.s = c.s + 1
  dirty(c)
  local content = value .. ' ' .. ends .. ' ' .. key
  hand_on(c, string.format('T%s %d 0 0 %d\n', epoch_of(c), c.s, #content) .. content)
  return {epoch_of(c), c.s, content}
end

-- Set for a while when one is dropped: who hasn't heard of that must not put it back.
local function dropped_notice(key) return prefix .. 'notices:dropped:' .. key end

local function forget_notice(key)
  redis.call('HDEL', held_notices, key)
  redis.call('ZREM', notice_ends, key)
end

-- The third of the answer is F when there are too many others, and empty when it is over already. `back`: by who knew
-- it before; all know it where it still stands.
local function put_notice(key, value, ends, back)
  if tonumber(ends) <= now then return {'', 0, ''} end
  if back then
    if redis.call('EXISTS', dropped_notice(key)) == 1 then return {'', 0, ''} end
  else
    redis.call('DEL', dropped_notice(key))
  end
  local over = redis.call('ZRANGEBYSCORE', notice_ends, '-inf', string.format('%d', now), 'LIMIT', 0, most_over)
  for _, each in ipairs(over) do forget_notice(each) end
  local held = redis.call('HGET', held_notices, key)
  if held then
    local v, e = string.match(held, '^(%d+) (%d+)$')
    if tonumber(e) > now then
      if tonumber(v) > tonumber(value) then value = v end
      if tonumber(e) > tonumber(ends) then ends = e end
    end
  elseif redis.call('HLEN', held_notices) >= most_notices then
    return {'', 0, 'F'}
  end
  if back and held == value .. ' ' .. ends then return {'', 0, ''} end
  redis.call('HSET', held_notices, key, value .. ' ' .. ends)
  redis.call('ZADD', notice_ends, ends, key)
  return tell_notice(key, value, ends)
end

local function drop_notice(key)
  redis.call('SET', dropped_notice(key), '', 'PX', floor_life)
  local held = redis.call('HGET', held_notices, key)
  if not held then return {'', 0, ''} end
  forget_notice(key)
  if tonumber(string.match(held, ' (%d+)$')) <= now then return {'', 0, ''} end
  return tell_notice(key, '0', '0')
end

-- Epoch, sequence, "value end key" for each.
local function all_notices()
  local c = open('', true)
  keep_alive(c, 0)
  local out = {epoch_of(c), c.s}
  local all = redis.call('HGETALL', held_notices)
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], ' (%d+)$')) > now then out[#out + 1] = all[i + 1] .. ' ' .. all[i] end
  end
  return out
end
