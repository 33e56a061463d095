-- The baseline of bench/queue/finish.py: finish.lua as it was, which counted use in the day's hash at once.
-- KEYS  1 stream
-- ARGV  1 group  2 consumer  3 entry  4 attempt  5 state  6 result (msgpack)  7 id  8 size  9 reply  10 record  11 ttl
--       12 owner  13 ms that counts of use are kept, or 0 for none  14 whose use it is
--       then for each model: model, jobs, failed, images, inference in microseconds
-- Returns 1 when the result counts, 0 when the job was lost to another worker or has ended already.
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] or pending[1][4] ~= tonumber(ARGV[4]) then return 0 end
local fields = {id = ARGV[7], size = ARGV[8], reply = ARGV[9], record = ARGV[10], ttl = ARGV[11],
  owner = ARGV[12]}
settle(KEYS[1], ARGV[1], ARGV[3], fields, ARGV[5], ARGV[6])

local kept = tonumber(ARGV[13]) or 0
if kept > 0 and #ARGV > 14 then
  local usage = 'vf:usage:' .. string.format('%d', math.floor(now_ms() / 86400000))
  local names = {'jobs', 'failed', 'images', 'infer_us'}
  local new = redis.call('EXISTS', usage) == 0
  for i = 15, #ARGV, 5 do
    for n, name in ipairs(names) do
      if ARGV[i + n] ~= '0' then
        redis.call('HINCRBY', usage, name .. ' ' .. ARGV[i] .. ' ' .. ARGV[14], ARGV[i + n])
      end
    end
  end
  if new then redis.call('PEXPIRE', usage, kept) end
end
return 1
