-- Take up to count jobs of one stream: the first of KEYS that has any. Jobs of one stream share a model, so they batch.
-- KEYS  streams, most urgent first
-- ARGV  1 group  2 consumer  3 count
-- Returns a list of {stream, entry, attempt, now ms, fields}
for _, stream in ipairs(KEYS) do
  local wanted = tonumber(ARGV[3])
  local taken = {}
  while wanted > 0 do
    local read = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', wanted, 'STREAMS', stream, '>')
    if not read or read.err then break end
    for _, item in ipairs(read[1][2]) do
      local job = admit(stream, ARGV[1], item[1], item[2], 1, ARGV[2])
      if job then
        table.insert(taken, job)
        wanted = wanted - 1
      end
    end
  end
  if #taken > 0 then return taken end
end
return {}
