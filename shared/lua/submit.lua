-- Accept one job: admission, record and queue entry in one atomic step.
-- KEYS  1 stream  2 vf:queues  3 vf:bytes  then for a job with a record: 4 record  5 vf:jobs  6 vf:due  7 idempotency key
-- ARGV  1 group  2 id  3 job  4 size  5 timeout ms  6 reply stream or ""  7 max depth  8 max bytes
--       then for a job with a record: 9 ttl ms  10 start timeout ms or 0  11 fingerprint or ""  12 idempotency ttl ms
--       13 jobs listed at most  14... names and values of the record
-- Returns {"ok", created ms} | {"exists", 0} | {"depth", n} | {"bytes", n}
--         | {"same", job id} | {"mismatch", 0}: the idempotency key was used before
local recorded = #KEYS > 3
if recorded and ARGV[11] ~= '' then
  local used = redis.call('GET', KEYS[7])
  if used then
    local fingerprint, id = string.match(used, '^(%x*) (.*)$')
    if fingerprint == ARGV[11] then return {'same', id} end
    return {'mismatch', 0}
  end
end
local depth = redis.call('XLEN', KEYS[1])
if depth >= tonumber(ARGV[7]) then return {'depth', depth} end
local size = tonumber(ARGV[4])
local held = tonumber(redis.call('HGET', KEYS[3], 'all') or '0')
if held > 0 and held + size > tonumber(ARGV[8]) then return {'bytes', held} end
if recorded and redis.call('EXISTS', KEYS[4]) == 1 then return {'exists', 0} end

local now = now_ms()
local expires = now + tonumber(ARGV[5])
if redis.call('SADD', KEYS[2], KEYS[1]) == 1 or redis.call('EXISTS', KEYS[1]) == 0 then
  redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
end
redis.call('HINCRBY', KEYS[3], KEYS[1], size)
redis.call('HINCRBY', KEYS[3], 'all', size)

local function enqueue(...)
  return redis.call('XADD', KEYS[1], '*', 'id', ARGV[2], 'job', ARGV[3], 'size', size, 'expires', expires,
    'reply', ARGV[6], ...)
end

if not recorded then
  enqueue('record', '0', 'ttl', 0)
  return {'ok', now}
end

local start = tonumber(ARGV[10]) > 0 and now + tonumber(ARGV[10]) or 0
local entry = enqueue('record', '1', 'ttl', ARGV[9], 'start', start)
local seq = redis.call('HINCRBY', 'vf:accepted', KEYS[1], 1)
redis.call('HSET', KEYS[4], 'state', 'queued', 'created_ms', now, 'stream', KEYS[1], 'entry', entry, 'size', size,
  'ttl', ARGV[9], 'expires_ms', expires, 'seq', seq, unpack(ARGV, 14))
redis.call('PEXPIRE', KEYS[4], tonumber(ARGV[5]) + tonumber(ARGV[9]))
redis.call('ZADD', KEYS[6], start > 0 and math.min(start, expires) or expires, ARGV[2])
redis.call('ZADD', KEYS[5], now, ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -tonumber(ARGV[13]) - 1)
if ARGV[11] ~= '' then
  redis.call('SET', KEYS[7], ARGV[11] .. ' ' .. ARGV[2], 'PX', ARGV[12])
  redis.call('HSET', KEYS[4], 'idempotency', KEYS[7])
end
note(ARGV[2], 'queued', 'position', math.max(1, seq - tonumber(redis.call('HGET', 'vf:served', KEYS[1]) or '0')))
return {'ok', now}
