-- An item that became no job: it could not be had, or the source ended before it.
-- KEYS  1 record  2 open  3 results
-- ARGV  1 token  2 index  3 result (msgpack), or "" when the source ends at this index
if redis.call('HGET', KEYS[1], 'claim') ~= ARGV[1] then return 0 end
if ARGV[3] == '' then
  local total = tonumber(redis.call('HGET', KEYS[1], 'total') or '-1')
  if total < 0 or total > tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 'total', ARGV[2]) end
  return redis.call('SREM', KEYS[2], ARGV[2])
end
if redis.call('SREM', KEYS[2], ARGV[2]) == 0 then return 0 end
local number = redis.call('HINCRBY', KEYS[1], 'ended', 1)
redis.call('HINCRBY', KEYS[1], 'failed', 1)
redis.call('XADD', KEYS[3], number .. '-0', 'index', ARGV[2], 'state', 'failed', 'result', ARGV[3])
return 1
