-- Accept one batch: record and place among the due ones in one atomic step. Its items were written before.
-- KEYS  1 record  2 items  3 due  4 vf:batches
-- ARGV  1 id  2... names and values of the record
-- Returns the ms of acceptance
local now = now_ms()
redis.call('HSET', KEYS[1], 'state', 'queued', 'created_ms', now, 'cursor', 0, 'ended', 0, 'failed', 0, unpack(ARGV, 2))
redis.call('PERSIST', KEYS[2])
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('ZADD', KEYS[4], now, ARGV[1])
return now
