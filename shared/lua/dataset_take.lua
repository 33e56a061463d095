-- Take one picture from every allowance of a strategy, or from none.
-- KEYS  the counters, one per limit
-- ARGV  for each counter: limit, ms to keep it
-- Returns 1 when taken, 0 when a limit is reached
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[i * 2 - 1]) then return 0 end
end
for i, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[i * 2]) end
end
return 1
