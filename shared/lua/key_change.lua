-- Write or revoke one API key and tell every replica.
-- KEYS  1 vf:keys  2 vf:keys:version  3 vf:quotas
-- ARGV  1 id  2 record before, "" for none  3 record after  4 owner  5 share of a queue's depth, "" to leave it
-- Returns 1, or 0 when the record is another than before
local current = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if current ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[3], ARGV[4], ARGV[5]) end
redis.call('INCR', KEYS[2])
return 1
