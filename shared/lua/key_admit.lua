-- Whether one more request of an API key may begin: a token bucket for its rate, leases for what it has under way.
-- KEYS  1 bucket  2 flights
-- ARGV  1 requests per second or 0  2 capacity  3 most at the same time or 0  4 request  5 lease ms
-- Returns {verdict, tokens left, ms until one more fits, ms until the bucket is full}; verdict: ok, rate, busy
local now = now_ms()
local rate, capacity, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

if most > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= most then return {'busy', 0, 1000, 0} end
end

local tokens = capacity
if rate > 0 then
  local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
  local at = tonumber(bucket[2]) or now
  tokens = math.min(capacity, (tonumber(bucket[1]) or capacity) + math.max(0, now - at) * rate / 1000)
  if tokens < 1 then
    return {'rate', 0, math.ceil((1 - tokens) * 1000 / rate), math.ceil((capacity - tokens) * 1000 / rate)}
  end
  tokens = tokens - 1
  redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
  redis.call('PEXPIRE', KEYS[1], math.ceil(capacity * 1000 / rate) + 1000)
end

if most > 0 then
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[5]), ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
return {'ok', math.floor(tokens), 0, rate > 0 and math.ceil((capacity - tokens) * 1000 / rate) or 0}
