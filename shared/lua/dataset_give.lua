-- Give back what dataset_take took, because the picture was not stored after all. Expired counters stay gone.
-- KEYS  the counters
-- Returns nothing
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
