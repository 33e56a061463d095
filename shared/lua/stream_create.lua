-- Accept a video stream.
-- KEYS  1 record  2 vf:streams  3 vf:streams:wake
-- ARGV  1 id  2 spec (JSON)  3 most streams  4 tenant  5 rights (JSON)  6 id of the request
-- Returns created ms | -1: there are too many | 0: the id is taken
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if redis.call('EXISTS', 'vf:stream:' .. id) == 0 then redis.call('ZREM', KEYS[2], id) end
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return -1 end
local now = now_ms()
redis.call('HSET', KEYS[1], 'spec', ARGV[2], 'desired', 'running', 'version', 1, 'restarts', 0, 'epoch', 0,
  'owner', '', 'until', 0, 'created_ms', now, 'tenant', ARGV[4], 'rights', ARGV[5], 'request_id', ARGV[6],
  'consumed_ms', now)
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 100, '*', 'id', ARGV[1])
return now
