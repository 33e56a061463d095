-- Accept one job: admission, record and queue entry in one atomic step.
-- KEYS  1 stream  2 vf:queues  3 vf:bytes  4 job record
-- ARGV  1 group  2 id  3 job  4 size  5 timeout ms  6 reply stream or ""  7 max depth  8 max bytes
--       9 "1" to keep a record  10 record ttl ms  11 model  12 hardware  13 lane  14 metadata (msgpack)
-- Returns {"ok", created ms} | {"exists", 0} | {"depth", n} | {"bytes", n}
local depth = redis.call('XLEN', KEYS[1])
if depth >= tonumber(ARGV[7]) then return {'depth', depth} end
local size = tonumber(ARGV[4])
local held = tonumber(redis.call('HGET', KEYS[3], 'all') or '0')
if held > 0 and held + size > tonumber(ARGV[8]) then return {'bytes', held} end
if ARGV[9] == '1' and redis.call('EXISTS', KEYS[4]) == 1 then return {'exists', 0} end

local now = now_ms()
if redis.call('SADD', KEYS[2], KEYS[1]) == 1 or redis.call('EXISTS', KEYS[1]) == 0 then
  redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
end
if ARGV[9] == '1' then
  redis.call('HSET', KEYS[4], 'state', 'queued', 'created_ms', now, 'model', ARGV[11], 'hardware', ARGV[12],
    'lane', ARGV[13], 'metadata', ARGV[14])
  redis.call('PEXPIRE', KEYS[4], tonumber(ARGV[5]) + tonumber(ARGV[10]))
end
redis.call('XADD', KEYS[1], '*', 'id', ARGV[2], 'job', ARGV[3], 'size', size, 'expires', now + tonumber(ARGV[5]),
  'reply', ARGV[6], 'record', ARGV[9], 'ttl', ARGV[10])
redis.call('HINCRBY', KEYS[3], KEYS[1], size)
redis.call('HINCRBY', KEYS[3], 'all', size)
return {'ok', now}
