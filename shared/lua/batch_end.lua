-- End a batch before its last item: canceled, or failed as a whole. Its jobs that have not ended are canceled.
-- KEYS  1 record  2 items  3 open  4 results  5 due
-- ARGV  1 id  2 state  3 error (msgpack) or ""  4 ttl ms  5 group  6 token of the splitter, "" for anybody
-- Returns the state after, "" when there is no such batch
local state, claim = unpack(redis.call('HMGET', KEYS[1], 'state', 'claim'))
if not state then return '' end
if terminal(state) or (ARGV[6] ~= '' and ARGV[6] ~= claim) then return state end
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'error', ARGV[3], 'finished_ms', now_ms())
for _, index in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  local job = ARGV[1] .. '-' .. index
  local key = 'vf:job:' .. job
  local record = redis.call('HMGET', key, 'state', 'stream', 'entry', 'size', 'ttl', 'owner')
  if record[1] and not terminal(record[1]) then
    local fields = {id = job, record = '1', size = record[4], ttl = record[5], owner = record[6]}
    settle(record[2], ARGV[5], record[3], fields, 'canceled', '')
  end
  redis.call('ZREM', 'vf:jobs', job)
end
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], ARGV[4]) end
return ARGV[2]
