-- Forget consumers that have read nothing for long and hold nothing: workers that are gone. One that lives is made anew
-- at its next read.
-- KEYS  streams
-- ARGV  1 group  2 idle ms
-- Returns how many were forgotten
local forgotten = 0
for _, stream in ipairs(KEYS) do
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, ARGV[1])
  if consumers.err then consumers = {} end
  for _, flat in ipairs(consumers) do
    local consumer = to_map(flat)
    if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
      redis.call('XGROUP', 'DELCONSUMER', stream, ARGV[1], consumer.name)
      forgotten = forgotten + 1
    end
  end
end
return forgotten
