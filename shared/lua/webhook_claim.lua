-- Lease deliveries that are due to one sender. Until the lease ends nobody else gets them.
-- KEYS  1 due
-- ARGV  1 most deliveries  2 lease ms  3 token of this claim  4 retention ms
-- Returns a list of {id, fields}
local now = now_ms()
local claimed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local key = 'vf:webhook:delivery:' .. id
  local url = redis.call('HGET', key, 'url')
  local endpoint = 'vf:webhook:endpoint:' .. redis.sha1hex(url or '')
  local mark = url and redis.call('GET', endpoint)
  if not url then
    redis.call('ZREM', KEYS[1], id)
  elseif mark == 'gone' then
    redis.call('ZREM', KEYS[1], id)
    redis.call('HSET', key, 'state', 'disabled')
    redis.call('PEXPIRE', key, ARGV[4])
  elseif mark then
    redis.call('ZADD', KEYS[1], now + math.max(redis.call('PTTL', endpoint), 1), id)
  else
    redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), id)
    redis.call('HSET', key, 'claim', ARGV[3])
    table.insert(claimed, {id, redis.call('HGETALL', key)})
  end
end
return claimed
