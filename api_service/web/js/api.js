// The server's HTTP interface, as far as the page needs it.

import { anotherKey, keyHeaders, keyReady } from "./key.js";

/** A request that failed, with a message for people. */
export class ApiError extends Error {
  /** @param {number} status 0 when the server did not answer */
  constructor(status, message, { code = "", requestId = "", retryable = false } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.retryable = retryable;
  }
}

/** Where a route is: beside the page, so that a path prefix in front of the server works. */
export function address(route) {
  return new URL(route, document.baseURI).href;
}

export async function listModels() {
  return (await request("v1/models")).body.models;
}

export async function readFleet(signal) {
  return (await request("v1/fleet", { signal })).body;
}

/** Runs a model: the answer, the server's timings in ms, and the round trip in ms. */
export async function infer(route, payload, signal) {
  const body = JSON.stringify(payload);
  const started = performance.now();
  const answer = await request(route, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
    signal,
  });
  return {
    body: answer.body,
    timings: readTimings(answer.headers.get("X-Visionfleet-Timings")),
    roundTrip: performance.now() - started,
  };
}

/** "queue=0.4;infer=12.1" -> {queue: 0.4, infer: 12.1}, in ms. */
export function readTimings(header) {
  const pairs = (header ?? "").matchAll(/([a-z]+)(?:_ms)?\s*=\s*([0-9.]+)/g);
  return Object.fromEntries([...pairs].map(([, name, value]) => [name, Number(value)]));
}

export async function request(route, options = {}) {
  await keyReady();
  const key = keyHeaders();
  let response;
  try {
    response = await fetch(address(route), { ...options, headers: { ...options.headers, ...key } });
  } catch (cause) {
    if (cause.name === "AbortError") throw cause;
    throw new ApiError(0, "The server does not answer. Check that it is running.", { code: "unreachable", retryable: true });
  }
  if (response.status === 401) {
    await anotherKey(key);
    return request(route, options);
  }
  if (response.status === 204) return { body: null, headers: response.headers };
  const body = await response.json().catch((cause) => {
    if (cause.name === "AbortError") throw cause;
    return null;
  });
  if (!response.ok) throw toError(response, body);
  if (body === null) throw new ApiError(response.status, "The server's answer is not JSON.");
  return { body, headers: response.headers };
}

// Three shapes: {message, code} on Roboflow routes, {detail: [{loc, msg}]} for validation, problem+json under /v1.
function toError(response, body) {
  const text = body?.message ?? problems(body?.detail) ?? body?.title ?? `The server answered ${response.status}.`;
  return new ApiError(response.status, String(text), {
    code: typeof body?.code === "string" ? body.code : "",
    requestId: response.headers.get("X-Request-ID") ?? "",
    retryable: body?.retryable === true || [429, 503, 504].includes(response.status),
  });
}

function problems(detail) {
  if (!Array.isArray(detail)) return detail;
  return detail.map(({ loc = [], msg }) => `${loc.join(".")}: ${msg}`).join("\n");
}
