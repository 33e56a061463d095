-- Put a delivery whose body is ready into the ledger, once per id.
-- KEYS  1 delivery  2 due  3 deliveries
-- ARGV  1 id  2 subject (kept as its job)  3 event  4 url  5 secret id  6 body  7 most deliveries that may be waiting
-- Returns 1 when it is there (now or before), 0 when too many are waiting
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[7]) then return 0 end
local now = now_ms()
redis.call('HSET', KEYS[1], 'job', ARGV[2], 'event', ARGV[3], 'at_ms', now, 'url', ARGV[4], 'state', 'pending',
  'attempts', 0, 'secret_id', ARGV[5], 'mode', 'inline', 'created_ms', now, 'body', ARGV[6])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZADD', KEYS[3], now, ARGV[1])
return 1
