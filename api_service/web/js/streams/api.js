// The routes of the streams page.

import { address, ApiError, request } from "../api.js";
import { keyHeaders } from "../key.js";

const JSON_BODY = { "Content-Type": "application/json" };

export async function listStreams(signal) {
  return (await request("v1/streams", { signal })).body;
}

/** Creates a stream; the server opens the source first, so this may take seconds and fail with the reason. */
export async function createStream(spec) {
  return (await request("v1/streams", { method: "POST", headers: JSON_BODY, body: JSON.stringify(spec) })).body;
}

/** "pause", "resume" or "restart". */
export async function command(id, name) {
  await request(`v1/streams/${encodeURIComponent(id)}/${name}`, { method: "POST" });
}

export async function removeStream(id) {
  await request(`v1/streams/${encodeURIComponent(id)}`, { method: "DELETE" });
}

export async function removeSource(id, source) {
  await request(`v1/streams/${encodeURIComponent(id)}/sources/${encodeURIComponent(source)}`, { method: "DELETE" });
}

/** The newest annotated frame. One request at a time and tile: browsers keep few connections, MJPEG would hold them. */
export async function snapshot(id, source, signal) {
  const query = new URLSearchParams({ source });
  const response = await fetch(address(`v1/streams/${encodeURIComponent(id)}/snapshot.jpg?${query}`), { signal, headers: keyHeaders() });
  if (!response.ok) throw new ApiError(response.status, "There is no picture.");
  return response.blob();
}
