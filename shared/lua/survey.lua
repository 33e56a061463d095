-- How full the streams are. Also mends what a crash or an operator's DEL may have left in the byte counters.
-- KEYS  streams
-- ARGV  1 group  2 lease ms
-- Returns for each stream {waiting, running, stalled (running without a live lease), bytes, age of the oldest waiting ms}
local now = now_ms()

local function mend(stream, bytes)
  if bytes ~= 0 then
    redis.call('HDEL', 'vf:bytes', stream)
    redis.call('HINCRBY', 'vf:bytes', 'all', string.format('%d', -bytes))
  end
  return {0, 0, 0, 0, 0}
end

local function group_of(stream)
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local info = to_map(group)
    if info.name == ARGV[1] then return info end
  end
end

local function measure(stream)
  local length = redis.call('XLEN', stream)
  local bytes = tonumber(redis.call('HGET', 'vf:bytes', stream) or '0')
  if length == 0 then return mend(stream, bytes) end
  local info = group_of(stream)
  if not info then return {length, 0, 0, bytes, 0} end
  local stalled, oldest = 0, 0
  if info.pending > 0 then stalled = #redis.call('XPENDING', stream, ARGV[1], 'IDLE', ARGV[2], '-', '+', 100) end
  local first = redis.call('XRANGE', stream, '(' .. info['last-delivered-id'], '+', 'COUNT', 1)[1]
  if first then oldest = now - tonumber(string.match(first[1], '^%d+')) end
  return {length - info.pending, info.pending, stalled, bytes, oldest}
end

local rows = {}
for _, stream in ipairs(KEYS) do table.insert(rows, measure(stream)) end
return rows
