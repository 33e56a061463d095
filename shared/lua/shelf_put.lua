-- Keep what a model remembers of an image; the least recently used leave until all fit.
-- KEYS  1 zset of what is kept, by last use  2 hash of their sizes  3 the value
-- ARGV  1 name of the value  2 the value  3 most bytes in all  4 ms that it lives  5 what comes before a name in a key
-- Returns how many left
local now, size, most = now_ms(), #ARGV[2], tonumber(ARGV[3])
if size > most then return 0 end
local life = tonumber(ARGV[4])

local function drop(name)
  redis.call('DEL', ARGV[5] .. name)
  redis.call('ZREM', KEYS[1], name)
  redis.call('HDEL', KEYS[2], name)
end

for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - life)) do drop(name) end
drop(ARGV[1])
local total, left = size, 0
for _, held in ipairs(redis.call('HVALS', KEYS[2])) do total = total + number(held, 0) end
while total > most do
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not oldest then break end
  total = total - number(redis.call('HGET', KEYS[2], oldest), 0)
  drop(oldest)
  left = left + 1
end
redis.call('SET', KEYS[3], ARGV[2], 'PX', life)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], size)
redis.call('PEXPIRE', KEYS[1], life)
redis.call('PEXPIRE', KEYS[2], life)
return left
