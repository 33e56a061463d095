-- Shared by every script: the clock, the byte counters, and how a job leaves its stream.
--
-- A stream entry has the fields: id, job (msgpack), size (bytes), expires (ms by Redis's clock), reply (reply stream
-- or ""), record ("1" when vf:job:{id} exists), ttl (ms that the record outlives the job's end), start (ms by which a
-- first attempt must begin, or 0), owner (whose quota it takes, missing without one).
--
-- When memory is full, Redis refuses the first write of a script if it could need more; once a script has written it may
-- go on. So whatever must work then begins with a write that frees memory or needs none.

local REPLY_TTL = '120000' -- text, because Redis writes each number that a script passes with printf
local REPLY_LENGTH = '20000'
local EVENTS_LENGTH = 200
local TEXTS_LENGTH = 5000 -- more than the tokens of the longest text, each of which may be told by itself
local LARGEST = 2 ^ 48

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function to_map(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

-- A whole number from an entry, which may be forged: from 0 to what every command and counter can take.
local function number(text, default)
  local value = tonumber(text)
  if not value or value ~= value then return default end
  return math.floor(math.max(0, math.min(value, LARGEST)))
end

local function terminal(state)
  return state == 'succeeded' or state == 'failed' or state == 'canceled' or state == 'expired'
end

local function answer(stream, id, state, body)
  if string.sub(stream, 1, 9) ~= 'vf:reply:' then return end -- a forged entry must not write elsewhere
  redis.call('XADD', stream, 'MAXLEN', '~', REPLY_LENGTH, '*', 'id', id, 'state', state, 'body', body)
  redis.call('PEXPIRE', stream, REPLY_TTL)
end

-- One more event in the story of an asynchronous job: {ms, event, name, value...}. Whoever watches it is woken. A list,
-- because a stream of three entries takes ten times the memory.
local function note(id, event, ...)
  local key = 'vf:job:' .. id
  local last = event == 'finished'
  local most = event == 'text' and TEXTS_LENGTH or EVENTS_LENGTH
  if last or redis.call('LLEN', key .. ':events') < most then
    local count = redis.call('RPUSH', key .. ':events', cmsgpack.pack({now_ms(), event, ...}))
    if last or count == 1 then redis.call('PEXPIRE', key .. ':events', math.max(redis.call('PTTL', key), 1)) end
  end
  for _, watcher in ipairs(redis.call('SMEMBERS', key .. ':watchers')) do
    answer(watcher, id, last and 'done' or 'event', '')
  end
end

-- An event for the job's webhook, if it has one that asked for it.
local function hook(id, event, now)
  local wanted = redis.call('HGET', 'vf:job:' .. id, 'webhook_events')
  if wanted and string.find(',' .. wanted .. ',', ',' .. event .. ',', 1, true) then
    redis.call('XADD', 'vf:webhook:outbox', '*', 'job', id, 'event', event, 'now', now)
  end
end

-- Keep the job itself for a while, when its terms ask for that.
local function keep_input(stream, entry, key)
  local ttl = tonumber(redis.call('HGET', key, 'input_ttl') or '0')
  local item = ttl > 0 and redis.call('XRANGE', stream, entry, entry)[1]
  if item then redis.call('SET', key .. ':input', to_map(item[2]).job, 'PX', ttl) end
end

-- The terminal state of a record, written once.
local function close(id, state, body, ttl)
  local key, now = 'vf:job:' .. id, now_ms()
  redis.call('ZREM', 'vf:due', id)
  redis.call('HSET', key, 'state', state, 'finished_ms', now, 'result', body)
  redis.call('PEXPIRE', key, ttl)
  note(id, 'finished', 'state', state)
  hook(id, state, now)
  redis.call('DEL', key .. ':watchers')
end

-- Take the entry out of its stream. Returns 1, or 0 when it was not there.
local function remove(stream, entry, size)
  local gone = redis.call('XDEL', stream, entry)
  if gone == 1 then
    local less = string.format('%d', -size)
    redis.call('HINCRBY', 'vf:bytes', stream, less)
    redis.call('HINCRBY', 'vf:bytes', 'all', less)
  end
  return gone
end

-- The job takes no part of its owner's quota any more.
local function leave(owner, id)
  if owner and owner ~= '' then redis.call('ZREM', 'vf:owner:' .. owner .. ':open', id) end
end

-- The one way in which a job ends: out of the stream, terminal state in the record (once), watchers and caller told.
local function settle(stream, group, entry, fields, state, body)
  redis.call('XACK', stream, group, entry)
  local id = fields.id or ''
  local key = 'vf:job:' .. id
  local current = fields.record == '1' and redis.call('HGET', key, 'state')
  local open = current and not terminal(current)
  if open then keep_input(stream, entry, key) end
  remove(stream, entry, number(fields.size, 0))
  leave(fields.owner, id)
  if open then close(id, state, body, number(fields.ttl, 86400000)) end
  if fields.reply and fields.reply ~= '' then answer(fields.reply, id, state, body) end
end

-- Whether the entry's time is over; the time to start counts before the first attempt only.
local function late(fields, attempt, now)
  local expires, start = number(fields.expires, 0), number(fields.start, 0)
  return (expires > 0 and expires <= now) or (attempt == 1 and start > 0 and start <= now)
end

-- The record of a job that a worker begins to run.
local function begin(stream, id, fields, attempt, consumer, now)
  local key = 'vf:job:' .. id
  redis.call('HSET', key, 'state', 'running', 'attempt', attempt, 'worker', consumer)
  local first = redis.call('HSETNX', key, 'started_ms', now) == 1
  if first then
    redis.call('HSET', 'vf:served', stream, redis.call('HGET', key, 'seq') or 0)
    redis.call('ZADD', 'vf:due', 'XX', number(fields.expires, 0), id)
  end
  note(id, 'started', 'attempt', attempt, 'worker', consumer)
  if first then hook(id, 'started', now) end
end

-- Give the entry to a worker, unless it has expired or was canceled while it waited. Returns nil when it ended here.
local function admit(stream, group, entry, flat, attempt, consumer)
  local fields = to_map(flat)
  local now = now_ms()
  if late(fields, attempt, now) then
    settle(stream, group, entry, fields, 'expired', '')
    return nil
  end
  if fields.record == '1' then
    local id = fields.id or ''
    local state = redis.call('HGET', 'vf:job:' .. id, 'state')
    if not state or terminal(state) then
      redis.call('XACK', stream, group, entry)
      remove(stream, entry, number(fields.size, 0))
      leave(fields.owner, id)
      return nil
    end
    begin(stream, id, fields, attempt, consumer, now)
  end
  return {stream, entry, attempt, now, flat}
end
