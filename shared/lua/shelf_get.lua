-- What a model remembers of an image, which lives on for that.
-- KEYS  1 zset of what is kept, by last use  2 hash of their sizes  3 the value
-- ARGV  1 name of the value  2 ms that it lives
-- Returns the value, or nothing
local found = redis.call('GET', KEYS[3])
if not found then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
  return false
end
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('ZADD', KEYS[1], now_ms(), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return found
