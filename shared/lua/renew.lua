-- Renew the leases that this consumer still holds. JUSTID leaves the delivery count alone.
-- KEYS  one stream per entry
-- ARGV  1 group  2 consumer  then one entry id per key
-- Returns the positions (from 1) of the leases that another worker has taken, or whose job is gone.
local lost = {}
for i, stream in ipairs(KEYS) do
  local entry = ARGV[i + 2]
  local pending = redis.pcall('XPENDING', stream, ARGV[1], entry, entry, 1)
  if pending[1] and pending[1][2] == ARGV[2] then
    redis.call('XCLAIM', stream, ARGV[1], ARGV[2], 0, entry, 'JUSTID')
  else
    table.insert(lost, i)
  end
end
return lost
