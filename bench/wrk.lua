-- Sends the bodies of the files named after "--", one after the other, and prints the figures as one line of JSON.
local requests, turn = {}, 0

function init(args)
  local packed = args[1]:match("%.msgpack$")
  wrk.headers["Content-Type"] = packed and "application/msgpack" or "application/json" -- beside those of -H
  for _, name in ipairs(args) do
    local file = assert(io.open(name, "rb"))
    table.insert(requests, wrk.format("POST", nil, nil, file:read("*a")))
    file:close()
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "failed": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
