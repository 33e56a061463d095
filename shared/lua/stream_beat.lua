-- A stream service is alive. Forgets those that have been silent for long.
-- KEYS  1 vf:streamers  2 its load
-- ARGV  1 replica  2 load (msgpack), "" to leave  3 ms that the load lives
-- Returns ids of the live ones
local now = now_ms()
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('DEL', KEYS[2])
else
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[3]))
return redis.call('ZRANGE', KEYS[1], 0, -1)
