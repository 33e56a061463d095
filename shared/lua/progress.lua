-- How many images of a running job are done, if this consumer still owns this attempt of it.
-- KEYS  1 stream  2 record
-- ARGV  1 group  2 consumer  3 entry  4 attempt  5 id  6 images done  7 images in all
-- Returns 1 when it was noted
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] or pending[1][4] ~= tonumber(ARGV[4]) then return 0 end
if redis.call('HGET', KEYS[2], 'state') ~= 'running' then return 0 end
redis.call('HSET', KEYS[2], 'done', ARGV[6])
note(ARGV[5], 'progress', 'done', ARGV[6], 'images', ARGV[7])
return 1
