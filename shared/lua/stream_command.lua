-- Change what a video stream is to be. Whoever owns it, now or later, acts on the record; there is no order to lose.
-- KEYS  1 record  2 vf:streams  3 vf:streams:wake
-- ARGV  1 id  2 "desired" | "spec" | "restart" | "terminate"  3 value  4 version that the value was made from, or 0
--       5 rights (JSON), "" to leave them
-- Returns version | 0: there is no such stream | -1: it has another version | -2: it was terminated before
local desired = redis.call('HGET', KEYS[1], 'desired')
if not desired then return 0 end
if desired == 'terminated' then return -2 end
local wanted = tonumber(ARGV[4])
if wanted > 0 and wanted ~= tonumber(redis.call('HGET', KEYS[1], 'version')) then return -1 end
if ARGV[2] == 'terminate' then
  redis.call('HSET', KEYS[1], 'desired', 'terminated')
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], 3600000)
  redis.call('DEL', KEYS[1] .. ':buffer', KEYS[1] .. ':feed', KEYS[1] .. ':status')
elseif ARGV[2] == 'restart' then
  redis.call('HINCRBY', KEYS[1], 'restarts', 1)
  redis.call('HSET', KEYS[1], 'desired', 'running')
  redis.call('HDEL', KEYS[1], 'over')
  redis.call('PERSIST', KEYS[1])
  redis.call('PERSIST', KEYS[1] .. ':status')
else
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
  if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'rights', ARGV[5]) end
end
local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 100, '*', 'id', ARGV[1])
return version
