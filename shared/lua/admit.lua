-- Admit entries that a blocking read has already delivered to this consumer.
-- KEYS  one stream per entry
-- ARGV  1 group  2 consumer  then one entry id per key
-- Returns a list of {position in KEYS (from 1), attempt, now ms}; the reader has the fields already
local taken = {}
for i, stream in ipairs(KEYS) do
  redis.call('XCLAIM', stream, ARGV[1], ARGV[2], 0, ARGV[i + 2], 'JUSTID') -- ours already: a write that needs no memory
  local item = redis.call('XRANGE', stream, ARGV[i + 2], ARGV[i + 2])[1]
  local job = item and admit(stream, ARGV[1], item[1], item[2], 1, ARGV[2])
  if job then table.insert(taken, {i, job[3], job[4]}) end
end
return taken
