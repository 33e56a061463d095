-- Whether a batch waits to be taken up, and this caller is the first to ask.
-- KEYS  1 due  2 tick
-- ARGV  1 ms until anybody may be told the same again
-- Returns 1 or 0
if redis.call('ZCOUNT', KEYS[1], '-inf', now_ms()) == 0 then return 0 end
return redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[1]) and 1 or 0
