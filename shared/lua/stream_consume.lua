-- Take the oldest buffered result of a video stream.
-- KEYS  1 record  2 buffer
-- Returns {desired, result or ""} | {}: there is no such stream
local desired = redis.call('HGET', KEYS[1], 'desired')
if not desired or desired == 'terminated' then return {} end
redis.call('HSET', KEYS[1], 'consumed_ms', now_ms())
return {desired, redis.call('LPOP', KEYS[2]) or ''}
