-- Renews the node's lease: its inbox's expiry. What the node has read of the inbox is given back.
--
-- Which inboxes are gone is only told when everybody has had the time to renew: right after an outage all leases are over
-- at once. That is so when the caller has been connected for a lease, or when for a lease there was always some node that
-- renewed in time; else nodes that all were started lately would leave the dead among the members.
--
-- ARGV 6-10: lease in ms, last id read, life of the node's record in ms, 1 if the caller has been connected for a lease,
-- the longest time in ms between two renewals, of whomever, that is no outage
-- Returns: OK, Redis time, entries waiting, names of inboxes that are gone.
if redis.call('PEXPIRE', prefix .. 'i:' .. inbox, ARGV[6]) == 0 then return {'GONE', 'the inbox is gone'} end
redis.call('PEXPIRE', own, ARGV[8])
redis.call('XTRIM', prefix .. 'i:' .. inbox, 'MINID', ARGV[7])
local out = {'OK', now, redis.call('XLEN', prefix .. 'i:' .. inbox) - 1}
local met = redis.call('HMGET', gate, 'renewed', 'calm')
local calm = tonumber(met[2])
if not calm or now - tonumber(met[1]) > tonumber(ARGV[10]) then calm = now end
redis.pcall('HSET', gate, 'renewed', now, 'calm', calm)
if ARGV[9] == '1' or now - calm >= tonumber(ARGV[6]) then
  for _, each in ipairs(redis.call('HKEYS', prefix .. 'nodes')) do
    if redis.call('EXISTS', prefix .. 'i:' .. each) == 0 then out[#out + 1] = each end
  end
end
return out
