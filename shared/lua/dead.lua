-- Dead letters, newest first, without the jobs' images.
-- KEYS  1 vf:dead
-- ARGV  1 newest entry id or "+"  2 count
-- Returns a list of {entry, fields without job}
local found = {}
for _, item in ipairs(redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', ARGV[2])) do
  local fields = {}
  for i = 1, #item[2], 2 do
    if item[2][i] ~= 'job' then
      table.insert(fields, item[2][i])
      table.insert(fields, item[2][i + 1])
    end
  end
  table.insert(found, {item[1], fields})
end
return found
