-- Save a workflow's definition as its next version, unless it is another owner's.
--
-- KEYS  1 hash of all workflows, 2 hash of this one's versions
-- ARGV  1 id, 2 owner, 3 msgpack of the version, 4 most workflows, 5 1: also when it is another owner's
-- Returns the number of the version, 0 when the id is another owner's, -1 when there are too many workflows.

local known = redis.call("HGET", KEYS[2], "owner")
if known and known ~= ARGV[2] and ARGV[5] ~= '1' then
  return 0
end
if not known then
  if redis.call("HLEN", KEYS[1]) >= tonumber(ARGV[4]) then
    return -1
  end
  redis.call("HSET", KEYS[2], "owner", ARGV[2])
end
local number = redis.call("HINCRBY", KEYS[1], ARGV[1], 1)
redis.call("HSET", KEYS[2], number, ARGV[3])
return number
