-- Erase one asynchronous job: its queue entry, dead letter, kept input, result, story and record. It sends no webhook.
-- KEYS  1 record  2 events  3 kept input  4 watchers  5 vf:jobs  6 vf:due  7 vf:dead
-- ARGV  1 group  2 id
-- Returns its folder of blobs ("" when it has none), or nil when there is no record
local names = {'state', 'stream', 'entry', 'size', 'dead', 'idempotency', 'folder', 'owner'}
local record = redis.call('HMGET', KEYS[1], unpack(names))
if not record[1] then return false end
if not terminal(record[1]) then
  redis.call('XACK', record[2], ARGV[1], record[3])
  remove(record[2], record[3], tonumber(record[4]) or 0)
  leave(record[8], ARGV[2])
end
for _, watcher in ipairs(redis.call('SMEMBERS', KEYS[4])) do answer(watcher, ARGV[2], 'done', '') end
if record[5] then redis.call('XDEL', KEYS[7], record[5]) end
if record[6] then redis.call('DEL', record[6]) end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('ZREM', KEYS[5], ARGV[2])
redis.call('ZREM', KEYS[6], ARGV[2])
return record[7] or ''
