-- Change one field of a hash if it still is what the caller has read.
-- KEYS  1 hash
-- ARGV  1 field  2 value read, "" for none  3 value to write
-- Returns 1 or 0
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
