-- End one job, if this consumer still owns this attempt of it: a compare-and-set on (consumer, attempt).
-- KEYS  1 stream
-- ARGV  1 group  2 consumer  3 entry  4 attempt  5 state  6 result (msgpack)  7 id  8 size  9 reply  10 record  11 ttl
--       12 owner
-- Returns 1 when the result counts, 0 when the job was lost to another worker or has ended already.
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] or pending[1][4] ~= tonumber(ARGV[4]) then return 0 end
local fields = {id = ARGV[7], size = ARGV[8], reply = ARGV[9], record = ARGV[10], ttl = ARGV[11],
  owner = ARGV[12]}
settle(KEYS[1], ARGV[1], ARGV[3], fields, ARGV[5], ARGV[6])
return 1
