-- Write down what one attempt came to, if the claim is still this sender's.
-- KEYS  1 delivery  2 due
-- ARGV  1 id  2 token  3 state  4 ms until the next attempt  5 mark of the receiver: "hold", "gone" or ""  6 its ms
--       7 retention ms  8... names and values to keep
-- Returns 1, or 0 when somebody else has claimed the delivery since
if redis.call('HGET', KEYS[1], 'claim') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'claim')
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'state', ARGV[3], unpack(ARGV, 8))
if ARGV[3] == 'pending' then
  redis.call('ZADD', KEYS[2], now_ms() + tonumber(ARGV[4]), ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
end
if ARGV[5] ~= '' then
  redis.call('SET', 'vf:webhook:endpoint:' .. redis.sha1hex(redis.call('HGET', KEYS[1], 'url')), ARGV[5], 'PX', ARGV[6])
end
return 1
