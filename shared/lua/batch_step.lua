-- One turn of a batch's splitter: keep the lease, gather what has ended, hand out the next items, see whether it is over.
-- KEYS  1 record  2 items  3 open  4 results  5 due  6 stream of its jobs
-- ARGV  1 id  2 token  3 lease ms  4 window  5 most jobs in the stream  6 most bytes in all streams
--       7 ms that gathered records live on  8 "1" to name the open items without a job  9 ttl ms
-- Returns {state, handed out, open without a job}; state "lost" when the batch is no longer this splitter's
local id, now = ARGV[1], now_ms()
local claim, state = unpack(redis.call('HMGET', KEYS[1], 'claim', 'state'))
if claim ~= ARGV[2] then return {'lost', {}, {}} end
if terminal(state) then return {state, {}, {}} end
redis.call('ZADD', KEYS[5], now + tonumber(ARGV[3]), id)

local function gather(index, job, ended)
  redis.call('SREM', KEYS[3], index)
  local number = redis.call('HINCRBY', KEYS[1], 'ended', 1)
  redis.call('XADD', KEYS[4], number .. '-0', 'index', index, 'state', ended[1], 'result', ended[2] or '')
  if ended[1] ~= 'succeeded' then redis.call('HINCRBY', KEYS[1], 'failed', 1) end
  redis.call('PEXPIRE', job, ARGV[7])
  redis.call('PEXPIRE', job .. ':events', ARGV[7])
  redis.call('ZREM', 'vf:jobs', id .. '-' .. index)
end

local missing = {}
for _, index in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  local job = 'vf:job:' .. id .. '-' .. index
  local ended = redis.call('HMGET', job, 'state', 'result')
  if not ended[1] then
    table.insert(missing, tonumber(index))
  elseif terminal(ended[1]) then
    gather(index, job, ended)
  end
end

local counts = redis.call('HMGET', KEYS[1], 'cursor', 'total', 'ended', 'failed', 'paced_ms', 'paced', 'rate')
local cursor, total, ended = tonumber(counts[1]), tonumber(counts[2] or '-1'), tonumber(counts[3])

local paced_ms = tonumber(counts[5] or now)
if not counts[5] or now - paced_ms >= 2000 then
  local pace = counts[5] and (ended - tonumber(counts[6])) * 1000 / (now - paced_ms) or 0
  local rate = tonumber(counts[7] or '0') > 0 and (pace + tonumber(counts[7])) / 2 or pace
  redis.call('HSET', KEYS[1], 'paced_ms', now, 'paced', ended, 'rate', string.format('%.3f', rate))
end

local open = redis.call('SCARD', KEYS[3])
local room = math.min(tonumber(ARGV[4]) - open, tonumber(ARGV[5]) - redis.call('XLEN', KEYS[6]))
if tonumber(redis.call('HGET', 'vf:bytes', 'all') or '0') > tonumber(ARGV[6]) then room = 0 end
local handed = {}
while room > #handed and (total < 0 or cursor < total) do
  redis.call('SADD', KEYS[3], cursor)
  table.insert(handed, cursor)
  cursor = cursor + 1
end
if #handed > 0 then redis.call('HSET', KEYS[1], 'cursor', cursor) end

if total >= 0 and cursor >= total and open == 0 and #handed == 0 then
  local failed = tonumber(redis.call('HGET', KEYS[1], 'failed'))
  state = (total > 0 and failed == total) and 'failed' or 'succeeded'
  redis.call('HSET', KEYS[1], 'state', state, 'finished_ms', now)
  redis.call('ZREM', KEYS[5], id)
  for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], ARGV[9]) end
end
return {state, handed, ARGV[8] == '1' and missing or {}}
