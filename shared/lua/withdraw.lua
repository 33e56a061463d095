-- Take back one job without a record, because its caller has left. One that a worker has taken runs to its end.
-- KEYS  1 stream
-- ARGV  1 group  2 entry  3 size  4 id  5 owner or ""
-- Returns 1 when nobody will run it, 0 when a worker has it or it has ended.
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
if pending.err or pending[1] then return 0 end
local gone = remove(KEYS[1], ARGV[2], number(ARGV[3], 0))
if gone == 1 then leave(ARGV[5], ARGV[4]) end
return gone
