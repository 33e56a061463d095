// The server's HTTP interface, as far as the page needs it.

import { readEvents } from "./events.js";
import { anotherKey, keyHeaders, keyReady } from "./key.js";

const EVENTS = "text/event-stream";

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

/**
 * Runs a model: the answer, the server's timings in ms, and the round trip in ms.
 * @param {(text: string) => void} [told] for models that write: called with each piece of the text as it comes
 */
export async function infer(route, payload, signal, told) {
  const headers = { "Content-Type": "application/json", ...(told ? { Accept: EVENTS } : {}) };
  const started = performance.now();
  const answer = await request(route, { method: "POST", headers, body: JSON.stringify(payload), signal }, told);
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

export async function request(route, options = {}, told) {
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
    return request(route, options, told);
  }
  if (response.status === 204) return { body: null, headers: response.headers };
  if (response.ok && told && response.headers.get("Content-Type")?.startsWith(EVENTS)) {
    return { body: await follow(response, told), headers: response.headers };
  }
  const body = await response.json().catch((cause) => {
    if (cause.name === "AbortError") throw cause;
    return null;
  });
  if (!response.ok) throw toError(response, body);
  if (body === null) throw new ApiError(response.status, "The server's answer is not JSON.");
  return { body, headers: response.headers };
}

/** The answer at the end of a text that is told while it is written. */
async function follow(response, told) {
  try {
    for await (const { name, data } of readEvents(response.body)) {
      if (name === "text") told(data.text);
      if (name === "error") throw new ApiError(0, data.message, { code: data.code });
      if (name === "result") return data;
    }
  } catch (cause) {
    if (cause.name === "AbortError" || cause instanceof ApiError) throw cause;
  }
  throw new ApiError(0, "The answer broke off.", { code: "unreachable", retryable: true });
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
