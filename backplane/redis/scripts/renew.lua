-- Renews the node's lease: its inbox's expiry. What the node has read of the inbox is given back.
--
-- ARGV 6-9: lease in ms, last id read, life of the node's record in ms, 1 to be told which inboxes are gone
-- Returns: OK, Redis time, entries waiting, names of inboxes that are gone.
if redis.call('PEXPIRE', prefix .. 'i:' .. inbox, ARGV[6]) == 0 then return {'GONE', 'the inbox is gone'} end
redis.call('PEXPIRE', own, ARGV[8])
redis.call('XTRIM', prefix .. 'i:' .. inbox, 'MINID', ARGV[7])
local out = {'OK', now, redis.call('XLEN', prefix .. 'i:' .. inbox) - 1}
if ARGV[9] == '1' then
  for _, each in ipairs(redis.call('HKEYS', prefix .. 'nodes')) do
    if redis.call('EXISTS', prefix .. 'i:' .. each) == 0 then out[#out + 1] = each end
  end
end
return out
