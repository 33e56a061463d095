-- End one job, if this consumer still owns this attempt of it: a compare-and-set on (consumer, attempt). What the job
-- used is counted in the same step, so that a job is counted once however often it was delivered.
-- KEYS  1 stream
-- ARGV  1 group  2 consumer  3 entry  4 attempt  5 state  6 result (msgpack)  7 id  8 size  9 reply  10 record  11 ttl
--       12 owner  13 ms that counts of use are kept, or 0 for none
--       then for each model what was used, as a line of text: jobs, failed, images, inference in microseconds, day
--       since 1970-01-01, model, whose use it is
-- Returns 1 when the result counts, 0 when the job was lost to another worker or has ended already.
local RECENT = 'vf:usage:recent'
local FOLDED_AT = 512 -- lines that wait at most: one write a job now, four for each model and key when they are folded

-- Add the lines that wait to the hashes of their days.
local function fold(kept)
  local sums = {}
  for _, line in ipairs(redis.call('LRANGE', RECENT, 0, -1)) do
    local jobs, failed, images, infer_us, whose = string.match(line, '^(%d+) (%d+) (%d+) (%d+) (%d+ .*)$')
    if whose then
      local sum = sums[whose]
      if not sum then
        sum = {0, 0, 0, 0}
        sums[whose] = sum
      end
      sum[1], sum[2], sum[3], sum[4] = sum[1] + jobs, sum[2] + failed, sum[3] + images, sum[4] + infer_us
    end
  end
  redis.call('DEL', RECENT)
  for whose, sum in pairs(sums) do
    local day, rest = string.match(whose, '^(%d+) (.*)$')
    local usage = 'vf:usage:' .. day
    for n, name in ipairs({'jobs', 'failed', 'images', 'infer_us'}) do
      if sum[n] > 0 then redis.call('HINCRBY', usage, name .. ' ' .. rest, string.format('%d', sum[n])) end
    end
    if redis.call('TTL', usage) == -1 then redis.call('PEXPIRE', usage, kept) end
  end
end

local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] or pending[1][4] ~= tonumber(ARGV[4]) then return 0 end
local fields = {id = ARGV[7], size = ARGV[8], reply = ARGV[9], record = ARGV[10], ttl = ARGV[11],
  owner = ARGV[12]}
settle(KEYS[1], ARGV[1], ARGV[3], fields, ARGV[5], ARGV[6])

local kept = tonumber(ARGV[13]) or 0
if kept > 0 and ARGV[14] and redis.call('RPUSH', RECENT, unpack(ARGV, 14)) >= FOLDED_AT then fold(kept) end
return 1
