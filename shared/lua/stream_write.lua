-- Write a result of a video stream, if this epoch still owns it.
-- KEYS  1 record  2 where
-- ARGV  1 owner  2 epoch  3 "buffer" | "wait" | "feed" | "preview"  4 value  5 most entries, or ms that a preview lives
--       6 "" or what must be written in order and once, such as the frames of a file  7 its number
-- Returns 1 | 0: another owns the stream, or it is gone | 2: there is no room, and nothing may be lost
local record = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'desired')
if record[1] ~= ARGV[1] or record[2] ~= ARGV[2] or record[3] == 'terminated' then return 0 end
local given = ARGV[6] ~= '' and 'given:' .. (ARGV[3] == 'feed' and 'feed:' or 'buffer:') .. ARGV[6]
if given and tonumber(redis.call('HGET', KEYS[1], given) or 0) >= tonumber(ARGV[7]) then return 1 end
if ARGV[3] == 'wait' and redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[5]) then return 2 end
if given then redis.call('HSET', KEYS[1], given, ARGV[7]) end
if ARGV[3] == 'buffer' or ARGV[3] == 'wait' then
  redis.call('RPUSH', KEYS[2], ARGV[4])
  redis.call('LTRIM', KEYS[2], -tonumber(ARGV[5]), -1)
elseif ARGV[3] == 'feed' then
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[5], '*', 'result', ARGV[4])
  redis.call('PEXPIRE', KEYS[2], 60000)
else
  redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5])
end
return 1
