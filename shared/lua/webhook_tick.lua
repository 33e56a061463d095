-- Whether somebody should send webhooks now, and this caller is the first to ask.
-- KEYS  1 outbox  2 due  3 tick
-- ARGV  1 ms until anybody may be told the same again
-- Returns 1 or 0
if redis.call('XLEN', KEYS[1]) == 0 and redis.call('ZCOUNT', KEYS[2], '-inf', now_ms()) == 0 then return 0 end
return redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[1]) and 1 or 0
