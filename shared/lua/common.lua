-- Shared by every script: the clock, the byte counters, and how a job leaves its stream.
--
-- A stream entry has the fields: id, job (msgpack), size (bytes), expires (ms by Redis's clock), reply (reply stream
-- or ""), record ("1" when vf:job:{id} exists), ttl (ms that the record outlives the job's end).

local REPLY_TTL = 120000
local REPLY_LENGTH = 20000

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function to_map(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

local function terminal(state)
  return state == 'succeeded' or state == 'failed' or state == 'canceled' or state == 'expired'
end

local function answer(stream, id, state, body)
  redis.call('XADD', stream, 'MAXLEN', '~', REPLY_LENGTH, '*', 'id', id, 'state', state, 'body', body)
  redis.call('PEXPIRE', stream, REPLY_TTL)
end

-- Take the entry out of its stream. XACK comes first: a script that has already written may go on when memory is full.
local function remove(stream, group, entry, size)
  redis.call('XACK', stream, group, entry)
  if redis.call('XDEL', stream, entry) == 1 then
    local less = string.format('%d', -size)
    redis.call('HINCRBY', 'vf:bytes', stream, less)
    redis.call('HINCRBY', 'vf:bytes', 'all', less)
  end
end

-- The one way in which a job ends: out of the stream, terminal state in the record (once), watchers and caller told.
local function settle(stream, group, entry, fields, state, body)
  remove(stream, group, entry, tonumber(fields.size) or 0)
  local id = fields.id or ''
  if fields.record == '1' then
    local key = 'vf:job:' .. id
    local current = redis.call('HGET', key, 'state')
    if current and not terminal(current) then
      redis.call('HSET', key, 'state', state, 'finished_ms', now_ms(), 'result', body)
      redis.call('PEXPIRE', key, tonumber(fields.ttl) or 86400000)
      for _, watcher in ipairs(redis.call('SMEMBERS', key .. ':watchers')) do answer(watcher, id, 'done', '') end
      redis.call('DEL', key .. ':watchers')
    end
  end
  if fields.reply and fields.reply ~= '' then answer(fields.reply, id, state, body) end
end

-- Give the entry to a worker, unless it has expired or was canceled while it waited. Returns nil when it ended here.
local function admit(stream, group, entry, flat, attempt, consumer)
  local fields = to_map(flat)
  local now = now_ms()
  local expires = tonumber(fields.expires) or 0
  if expires > 0 and expires <= now then
    settle(stream, group, entry, fields, 'expired', '')
    return nil
  end
  if fields.record == '1' then
    local key = 'vf:job:' .. (fields.id or '')
    local state = redis.call('HGET', key, 'state')
    if not state or terminal(state) then
      remove(stream, group, entry, tonumber(fields.size) or 0)
      return nil
    end
    redis.call('HSET', key, 'state', 'running', 'attempt', attempt, 'worker', consumer)
    redis.call('HSETNX', key, 'started_ms', now)
  end
  return {stream, entry, attempt, now, flat}
end
