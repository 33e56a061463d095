-- Take up to count jobs of one stream: the first of KEYS that has any. Jobs of one stream share a model, so they batch.
-- The live streams have a count of their own, so that what waits behind them cannot use up their room.
-- KEYS  live streams, then the others, each most urgent first
-- ARGV  1 group  2 consumer  3 how many of KEYS are live  4 count of live jobs  5 count of other jobs
-- Returns a list of {stream, entry, attempt, now ms, fields}
local taken = {}

local function take(stream, wanted)
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
end

local function fill(first, last, count)
  local before = #taken
  for i = first, last do
    if #taken == before then take(KEYS[i], count) end
  end
end

local live = tonumber(ARGV[3])
fill(1, live, tonumber(ARGV[4]))
fill(live + 1, #KEYS, tonumber(ARGV[5]))
return taken
