-- Write down the items of a batch, a part at a time, and with the last part their number.
-- KEYS  1 record  2 items
-- ARGV  1 token  2 number of items, or "" when more parts come  3... index and name of each item
if redis.call('HGET', KEYS[1], 'claim') ~= ARGV[1] then return 0 end
if #ARGV > 2 then redis.call('HSET', KEYS[2], unpack(ARGV, 3)) end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'total', ARGV[2]) end
return 1
