-- Take the jobs whose worker has not renewed its lease. A job that lost max_attempts workers is poisoned: it goes to the
-- dead letters and its record fails.
-- KEYS  streams
-- ARGV  1 group  2 consumer  3 lease ms  4 max attempts  5 count  6 dead letters kept  7 poisoned result (msgpack)
--       8 how many jobs on their last attempt may be taken
-- Returns a list of {stream, entry, attempt, now ms, fields}
local SCAN = 256 -- more than the count, because jobs on their last attempt may be passed over
local taken = {}
local last_chances = tonumber(ARGV[8])

local function bury(stream, entry, flat, attempts)
  redis.call('XACK', stream, ARGV[1], entry)
  local dead = redis.call('XADD', 'vf:dead', 'MAXLEN', '~', ARGV[6], '*', 'stream', stream, 'attempts', attempts,
    unpack(flat))
  local fields = to_map(flat)
  if fields.record == '1' and redis.call('EXISTS', 'vf:job:' .. (fields.id or '')) == 1 then
    redis.call('HSET', 'vf:job:' .. fields.id, 'dead', dead)
  end
  settle(stream, ARGV[1], entry, fields, 'failed', ARGV[7])
end

for _, stream in ipairs(KEYS) do
  local stale = redis.pcall('XPENDING', stream, ARGV[1], 'IDLE', ARGV[3], '-', '+', SCAN)
  if stale.err then stale = {} end
  local wanted = tonumber(ARGV[5])
  for _, pending in ipairs(stale) do
    if wanted == 0 then break end
    local entry, attempts = pending[1], pending[4]
    local item = redis.call('XRANGE', stream, entry, entry)[1]
    local last = attempts + 1 >= tonumber(ARGV[4])
    if not item then
      redis.call('XACK', stream, ARGV[1], entry)
    elseif attempts >= tonumber(ARGV[4]) then
      bury(stream, entry, item[2], attempts)
    elseif (not last or last_chances > 0) and #redis.call('XCLAIM', stream, ARGV[1], ARGV[2], ARGV[3], entry) > 0 then
      local job = admit(stream, ARGV[1], entry, item[2], attempts + 1, ARGV[2])
      if job then
        table.insert(taken, job)
        wanted = wanted - 1
        if last then last_chances = last_chances - 1 end
      end
    end
  end
end
return taken
