-- Read a job's record and, while it is not over, ask to be told when it is.
-- KEYS  1 record  2 watchers
-- ARGV  1 reply stream
-- Returns the record's fields
local record = redis.call('HGETALL', KEYS[1])
if #record > 0 and not terminal(to_map(record).state) then
  redis.call('SADD', KEYS[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[2], 120000)
end
return record
