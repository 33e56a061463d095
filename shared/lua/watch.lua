-- Read a job's record and, while it is not over, ask to be told of its events.
-- KEYS  1 record  2 watchers
-- ARGV  1 reply stream, or "" to read only
-- Returns the record's fields; for a job that waits also its position
local record = redis.call('HGETALL', KEYS[1])
local fields = to_map(record)
if fields.state and not terminal(fields.state) and ARGV[1] ~= '' then
  redis.pcall('SADD', KEYS[2], ARGV[1]) -- refused when memory is full: the caller then looks again by itself
  redis.call('PEXPIRE', KEYS[2], 120000)
end
if fields.state == 'queued' and fields.seq then
  local served = tonumber(redis.call('HGET', 'vf:served', fields.stream) or '0')
  table.insert(record, 'position')
  table.insert(record, tostring(math.max(1, tonumber(fields.seq) - served)))
end
return record
