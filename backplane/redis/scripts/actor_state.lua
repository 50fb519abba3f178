-- What is kept of channel actors, and who may write it. a:CHANNEL is a hash: n the sequence of the last write, s the
-- snapshot; b:CHANNEL a list, the log after it. The lease is the one of the channel's name; `actors` has all channels
-- with an owner, by when the lease ends: who stays there after that was left behind.
local running = prefix .. 'actors'
local function actor_of(name) return prefix .. 'a:' .. name, prefix .. 'b:' .. name end

local function live_on(name, life)
  local a, b = actor_of(name)
  if life == '0' then
    redis.call('PERSIST', a)
    redis.call('PERSIST', b)
  else
    redis.call('PEXPIRE', a, life)
    redis.call('PEXPIRE', b, life)
  end
end

-- 1 if granted, holder, token; then sequence, snapshot, log.
local function claim_actor(name, holder, ttl)
  local right = acquire(name, holder, ttl)
  if right[1] == 0 then return right end
  local a, b = actor_of(name)
  local kept = redis.call('HMGET', a, 'n', 's')
  redis.call('ZADD', running, string.format('%d', now + ttl), name)
  if kept[1] then -- what is owned doesn't expire under its owner
    redis.call('PERSIST', a)
    redis.call('PERSIST', b)
  end
  local out = {1, right[2], right[3], kept[1] or '0', kept[2] or ''}
  for _, each in ipairs(redis.call('LRANGE', b, 0, -1)) do out[#out + 1] = each end
  return out
end

-- ARGV[i]: keep, holder, token, sequence, ttl, life, mode (nothing n, add a, snapshot s, drop d; with p: a replica must
-- have it; with r: release, and a number: somebody should have it, after so many milliseconds it is left behind), facts,
-- number of publications; for each of them flags, body, key, life of the key. Returns the answer and what follows.
-- The answer: F refused, a letter of `append` where nothing was done, or O and the publications' answers.
local function write_actor(name, i)
  local keep_text, holder, token, sequence = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local ttl, life, mode, facts, count = ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], tonumber(ARGV[i + 8])
  local first, after = i + 9, i + 9 + 4 * count
  if now > deadline then return {'L'}, after end
  local how, flag, release, wanted = string.match(mode, '^(%a)(p?)(r?)(%d*)$')
  release, wanted = release ~= '', tonumber(wanted)
  if flag ~= '' and without_replica() then return {'N'}, after end
  for k = first, after - 1, 4 do
    if string.find(ARGV[k], 'r', 1, true) and without_replica() then return {'N'}, after end
  end
  local lease = prefix .. 'l:' .. name
  if redis.call('GET', lease) ~= token .. ' ' .. holder then return {'F'}, after end
  local a, b = actor_of(name)
  if how ~= 'n' then
    if tonumber(redis.call('HGET', a, 'n') or 0) ~= sequence - 1 then return {'F'}, after end
    -- The first write tells whether there is memory: within one script that doesn't change.
    local wrote = redis.pcall('HSET', a, 'n', ARGV[i + 3])
    if type(wrote) == 'table' and wrote.err then return {'O'}, after end
    if how == 'a' then
      redis.call('RPUSH', b, facts)
    elseif how == 's' then
      redis.call('HSET', a, 's', facts)
      redis.call('DEL', b)
    else
      redis.call('HDEL', a, 's')
      redis.call('DEL', b)
    end
  end
  if release then
    redis.call('DEL', lease)
    if wanted then -- what is wanted doesn't expire
      redis.call('ZADD', running, string.format('%d', now + wanted), name)
    else
      redis.call('ZREM', running, name)
      if how == 'd' then redis.call('DEL', a) else live_on(name, life) end
    end
  else
    redis.call('PEXPIRE', lease, ttl)
    redis.call('ZADD', running, string.format('%d', now + ttl), name)
  end
  local out = {'D'}
  for k = first, after - 1, 4 do
    local keep = parse_keep(keep_text .. ARGV[k])
    local epoch, s, o = append(name, keep, ARGV[k + 1], ARGV[k + 2], tonumber(ARGV[k + 3]))
    local placed = epoch == '.' or #epoch > 1 and string.sub(epoch, 1, 2) ~= 'D '
    out[#out + 1] = placed and string.format('%s %d %d', epoch, s, o) or epoch
  end
  return out, after
end

-- Those of which nothing is kept are forgotten in passing.
local function abandoned_actors(most)
  local out = {}
  local over = redis.call('ZRANGEBYSCORE', running, '-inf', string.format('%d', now), 'LIMIT', 0, most)
  for _, name in ipairs(over) do
    if redis.call('EXISTS', prefix .. 'l:' .. name) == 0 then
      if redis.call('HEXISTS', (actor_of(name)), 'n') == 1 then
        out[#out + 1] = name
      else
        redis.call('ZREM', running, name)
      end
    end
  end
  return out
end
