-- Pieces of the texts that a running job writes, if this consumer still owns this attempt of it.
-- KEYS  1 stream  2 record
-- ARGV  1 group  2 consumer  3 entry  4 attempt  5 id  then for each piece: index of the input, text
-- Returns 1 when they were noted
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] or pending[1][4] ~= tonumber(ARGV[4]) then return 0 end
if redis.call('HGET', KEYS[2], 'state') ~= 'running' then return 0 end
for i = 6, #ARGV, 2 do note(ARGV[5], 'text', 'input', ARGV[i], 'text', ARGV[i + 1]) end
return 1
