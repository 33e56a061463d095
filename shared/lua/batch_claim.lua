-- Take up one batch that nobody splits. Until the lease ends nobody else gets it.
-- KEYS  due, one per hardware tag
-- ARGV  1 lease ms  2 token
-- Returns {id, fields}, or {} when there is none
local now = now_ms()
for _, due in ipairs(KEYS) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 20)) do
    local key = 'vf:batch:' .. id
    local state = redis.call('HGET', key, 'state')
    if not state or terminal(state) then
      redis.call('ZREM', due, id)
    else
      redis.call('ZADD', due, now + tonumber(ARGV[1]), id)
      redis.call('HSET', key, 'state', 'running', 'claim', ARGV[2])
      redis.call('HSETNX', key, 'started_ms', now)
      redis.call('HINCRBY', key, 'attempt', 1)
      return {id, redis.call('HGETALL', key)}
    end
  end
end
return {}
