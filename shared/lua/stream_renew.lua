-- Renew the lease of one video stream, leave a report, and see what is wanted of it.
-- KEYS  1 record  2 status
-- ARGV  1 owner  2 epoch  3 lease ms (0 gives the stream up)  4 report (msgpack)
--       5 "" or how the stream is over: "ended", "failed"  6 ms that an ended one is kept
-- Returns {version, desired, restarts, spec, rights, ms since results were last consumed} | {}: another owns it, or it is gone
local record = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'desired', 'version', 'restarts', 'spec', 'rights',
  'consumed_ms')
if record[1] ~= ARGV[1] or record[2] ~= ARGV[2] or record[3] == 'terminated' then return {} end
local now = now_ms()
redis.call('SET', KEYS[2], ARGV[4])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'over', ARGV[5], 'until', 0, 'owner', '')
  for _, part in ipairs({'', ':status', ':buffer', ':feed'}) do redis.call('PEXPIRE', KEYS[1] .. part, ARGV[6]) end
elseif tonumber(ARGV[3]) == 0 then
  redis.call('HSET', KEYS[1], 'until', 0, 'owner', '')
  redis.call('XADD', 'vf:streams:wake', 'MAXLEN', '~', 100, '*', 'id', '')
else
  redis.call('HSET', KEYS[1], 'until', now + tonumber(ARGV[3]))
end
return {tonumber(record[4]), record[3], tonumber(record[5]), record[6], record[7] or '', now - tonumber(record[8])}
