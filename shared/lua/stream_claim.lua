-- Own a video stream that nobody owns. The epoch fences off whoever owned it before.
-- KEYS  1 record  2 status
-- ARGV  1 owner  2 lease ms
-- Returns {epoch, version, desired, restarts, spec, rights, last status, id of the request that made it} | {}: not to be had
local record = redis.call('HMGET', KEYS[1], 'desired', 'until', 'over', 'version', 'restarts', 'spec', 'rights',
  'request_id')
if not record[1] or record[1] == 'terminated' or record[3] then return {} end
local now = now_ms()
if tonumber(record[2]) > now then return {} end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', now + tonumber(ARGV[2]))
return {epoch, tonumber(record[4]), record[1], tonumber(record[5]), record[6], record[7] or '',
  redis.call('GET', KEYS[2]) or '', record[8] or ''}
