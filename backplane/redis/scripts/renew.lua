-- Renews the node's lease: its inbox's expiry. What the node has read of the inbox is given back.
--
-- Which inboxes are gone is only told when for a lease there was always some node that renewed in time: right after an
-- outage all leases are over at once, and everybody needs the time to be back.
--
-- ARGV 2-5: lease in ms, last id read, life of the node's record in ms, the longest time in ms between two renewals, of
-- whomever, that is no outage
-- Returns: OK, Redis time, entries waiting, names of inboxes that are gone.
if redis.call('PEXPIRE', prefix .. 'i:' .. inbox, ARGV[2]) == 0 then return {'GONE', 'the inbox is gone'} end
redis.call('PEXPIRE', own, ARGV[4])
redis.call('XTRIM', prefix .. 'i:' .. inbox, 'MINID', ARGV[3])
local out = {'OK', now, redis.call('XLEN', prefix .. 'i:' .. inbox) - 1}
local met = redis.call('HMGET', gate, 'renewed', 'calm')
local calm, gap = tonumber(met[2]), now - tonumber(met[1] or now)
-- A clock that was set back may have ended anything.
if not calm or gap < 0 or gap > tonumber(ARGV[5]) then calm = now end
redis.pcall('HSET', gate, 'renewed', now, 'calm', calm)
if now - calm >= tonumber(ARGV[2]) then
  for _, each in ipairs(redis.call('HKEYS', prefix .. 'nodes')) do
    if redis.call('EXISTS', prefix .. 'i:' .. each) == 0 then out[#out + 1] = each end
  end
end
return out
