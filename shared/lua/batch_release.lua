-- Leave a batch to another splitter at once.
-- KEYS  1 record  2 due
-- ARGV  1 id  2 token
if redis.call('HGET', KEYS[1], 'claim') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'claim')
redis.call('HINCRBY', KEYS[1], 'attempt', -1)
redis.call('ZADD', KEYS[2], now_ms(), ARGV[1])
return 1
