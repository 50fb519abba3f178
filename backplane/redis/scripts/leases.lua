-- Rights that one holder at a time has. A token is never below Redis' clock in microseconds, so that it rises also
-- after a failover that lost the last ones.
local function acquire(name, holder, ttl)
  local key = prefix .. 'l:' .. name
  local held = redis.call('GET', key)
  if held then
    local token, who = string.match(held, '^(%d+) (.*)$')
    if who ~= holder then return {0, who, token} end
    redis.call('PEXPIRE', key, ttl)
    return {1, who, token}
  end
  local last = tonumber(redis.call('GET', prefix .. 'token') or 0)
  local token = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
  redis.call('SET', prefix .. 'token', token)
  redis.call('SET', key, token .. ' ' .. holder, 'PX', ttl)
  return {1, holder, token}
end

local function release(name, holder)
  local held = redis.call('GET', prefix .. 'l:' .. name)
  if held and string.match(held, '^%d+ (.*)$') == holder then redis.call('DEL', prefix .. 'l:' .. name) end
  return ''
end
