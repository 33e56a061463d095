-- Turn what the outbox holds into deliveries. A delivery's id comes of job and event: no event ever has two.
-- KEYS  1 outbox  2 due  3 deliveries
-- ARGV  1 most entries  2 ms that the list of deliveries goes back
-- Returns the number of entries read
local now = now_ms()

local function make(job, event, at)
  local ok, hook = pcall(cmsgpack.unpack, redis.call('HGET', 'vf:job:' .. job, 'webhook') or '')
  if not ok or type(hook) ~= 'table' or type(hook.url) ~= 'string' then return end
  local id = 'msg_' .. job .. '_' .. event
  local key = 'vf:webhook:delivery:' .. id
  if redis.call('EXISTS', key) == 1 then return end
  redis.call('HSET', key, 'job', job, 'event', event, 'at_ms', at, 'url', hook.url, 'state', 'pending', 'attempts', 0,
    'secret_id', hook.secret_id or '', 'mode', hook.mode or 'thin', 'created_ms', now)
  redis.call('ZADD', KEYS[2], now, id)
  redis.call('ZADD', KEYS[3], now, id)
end

local entries = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])
for _, item in ipairs(entries) do
  local fields = to_map(item[2])
  if fields.job and fields.event then make(fields.job, fields.event, tonumber(fields.at or fields.now) or now) end
  redis.call('XDEL', KEYS[1], item[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], 0, now - tonumber(ARGV[2]))
return #entries
