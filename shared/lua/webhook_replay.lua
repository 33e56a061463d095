-- Begin a delivery anew: due now, all attempts before it, its receiver no longer marked. One being sent is left alone.
-- KEYS  1 delivery  2 due
-- ARGV  1 id
-- Returns the delivery's fields, none when there is no such delivery
local url = redis.call('HGET', KEYS[1], 'url')
if not url then return {} end
if redis.call('HEXISTS', KEYS[1], 'claim') == 0 or redis.call('ZSCORE', KEYS[2], ARGV[1]) == false then
  redis.call('DEL', 'vf:webhook:endpoint:' .. redis.sha1hex(url))
  redis.call('HDEL', KEYS[1], 'claim')
  redis.call('HSET', KEYS[1], 'state', 'pending', 'attempts', 0)
  redis.call('PERSIST', KEYS[1])
  redis.call('ZADD', KEYS[2], now_ms(), ARGV[1])
end
return redis.call('HGETALL', KEYS[1])
