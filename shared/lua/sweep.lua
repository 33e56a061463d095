-- End asynchronous jobs whose time is over although no worker has come for them.
-- KEYS  1 vf:due
-- ARGV  1 group  2 count
-- Returns how many were due
local now = now_ms()
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do
  redis.call('ZREM', KEYS[1], id)
  local record = redis.call('HMGET', 'vf:job:' .. id, 'state', 'stream', 'entry', 'size', 'ttl', 'expires_ms',
    'owner')
  local expires = tonumber(record[6]) or 0
  if record[1] == 'running' and expires > now then
    redis.call('ZADD', KEYS[1], expires, id)
  elseif record[1] and not terminal(record[1]) then
    local fields = {id = id, record = '1', size = record[4], ttl = record[5], owner = record[7]}
    settle(record[2], ARGV[1], record[3], fields, 'expired', '')
  end
end
return #due
