-- Give a claimed delivery back unsent, to be taken a little later.
-- KEYS  1 delivery  2 due
-- ARGV  1 id  2 token  3 ms until it is due again
if redis.call('HGET', KEYS[1], 'claim') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'claim')
redis.call('ZADD', KEYS[2], now_ms() + tonumber(ARGV[3]), ARGV[1])
return 1
