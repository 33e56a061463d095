-- Cancel one asynchronous job. One that waits never runs; the worker of one that runs learns of it at its next renewal,
-- and its result does not count, because the entry has left the stream.
-- KEYS  1 record
-- ARGV  1 group  2 id
-- Returns the state after: canceled, or another terminal state that came first; "" when there is no record
local record = redis.call('HMGET', KEYS[1], 'state', 'stream', 'entry', 'size', 'ttl', 'owner')
local state = record[1]
if not state then return '' end
if terminal(state) then return state end
local fields = {id = ARGV[2], record = '1', size = record[4], ttl = record[5], owner = record[6]}
settle(record[2], ARGV[1], record[3], fields, 'canceled', '')
return 'canceled'
