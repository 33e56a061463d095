-- Accept one job: admission, record and queue entry in one atomic step.
-- KEYS  1 stream  2 vf:queues  3 vf:bytes  then for a job with a record: 4 record  5 vf:jobs  6 vf:due  7 idempotency key
-- ARGV  1 group  2 id  3 job  4 size  5 timeout ms  6 reply stream or ""  7 max depth  8 max bytes
--       9 owner or ""
--       then for a job with a record: 10 ttl ms  11 start timeout ms or 0  12 fingerprint or ""  13 idempotency ttl ms
--       14 jobs listed at most  15... names and values of the record
-- Returns {"ok", created ms, entry} | {"exists", 0} | {"depth", n} | {"bytes", n} | {"quota", n}
--         | {"same", job id} | {"mismatch", 0}: the idempotency key was used before
local recorded = #KEYS > 3
if recorded and ARGV[12] ~= '' then
  local used = redis.call('GET', KEYS[7])
  if used then
    local fingerprint, id = string.match(used, '^(%x*) (.*)$')
    if fingerprint == ARGV[12] then return {'same', id} end
    return {'mismatch', 0}
  end
end
local depth = redis.call('XLEN', KEYS[1])
if depth >= tonumber(ARGV[7]) then return {'depth', depth} end
local size = tonumber(ARGV[4])
local held = tonumber(redis.call('HGET', KEYS[3], 'all') or '0')
if held > 0 and held + size > tonumber(ARGV[8]) then return {'bytes', held} end
if recorded and redis.call('EXISTS', KEYS[4]) == 1 then return {'exists', 0} end

local now, owner = now_ms(), ARGV[9]
local share = owner ~= '' and tonumber(redis.call('HGET', 'vf:quotas', owner) or '')
local open = 'vf:owner:' .. owner .. ':open'
if share then
  local mine = redis.call('ZCOUNT', open, now, '+inf')
  if mine >= math.max(1, math.floor(share * tonumber(ARGV[7]))) then return {'quota', mine} end
end

local expires = now + tonumber(ARGV[5])
if redis.call('SADD', KEYS[2], KEYS[1]) == 1 or redis.call('EXISTS', KEYS[1]) == 0 then
  redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
end
redis.call('HINCRBY', KEYS[3], KEYS[1], ARGV[4])
redis.call('HINCRBY', KEYS[3], 'all', ARGV[4])

if share then -- only now: a first write that frees memory would let the others pass when there is none
  redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
  redis.call('ZADD', open, expires, ARGV[2])
  redis.call('PEXPIREAT', open, math.max(expires, now + redis.call('PTTL', open)) + 1000)
end

local function enqueue(...)
  if owner ~= '' then
    return redis.call('XADD', KEYS[1], '*', 'id', ARGV[2], 'job', ARGV[3], 'size', ARGV[4], 'expires', expires,
      'reply', ARGV[6], 'owner', owner, ...)
  end
  return redis.call('XADD', KEYS[1], '*', 'id', ARGV[2], 'job', ARGV[3], 'size', ARGV[4], 'expires', expires,
    'reply', ARGV[6], ...)
end

if not recorded then
  return {'ok', now, enqueue('record', '0', 'ttl', '0')}
end

local start = tonumber(ARGV[11]) > 0 and now + tonumber(ARGV[11]) or 0
local entry = enqueue('record', '1', 'ttl', ARGV[10], 'start', start)
local seq = redis.call('HINCRBY', 'vf:accepted', KEYS[1], 1)
redis.call('HSET', KEYS[4], 'state', 'queued', 'created_ms', now, 'stream', KEYS[1], 'entry', entry, 'size', size,
  'ttl', ARGV[10], 'expires_ms', expires, 'seq', seq, unpack(ARGV, 15))
redis.call('PEXPIRE', KEYS[4], tonumber(ARGV[5]) + tonumber(ARGV[10]))
redis.call('ZADD', KEYS[6], start > 0 and math.min(start, expires) or expires, ARGV[2])
redis.call('ZADD', KEYS[5], now, ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -tonumber(ARGV[14]) - 1)
if ARGV[12] ~= '' then
  redis.call('SET', KEYS[7], ARGV[12] .. ' ' .. ARGV[2], 'PX', ARGV[13])
  redis.call('HSET', KEYS[4], 'idempotency', KEYS[7])
end
note(ARGV[2], 'queued', 'position', math.max(1, seq - tonumber(redis.call('HGET', 'vf:served', KEYS[1]) or '0')))
return {'ok', now, entry}
