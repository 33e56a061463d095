// Puts the streams page together: looks at all streams each second and keeps a tile for each of their sources.

import { byId, el } from "../dom.js";
import { plural } from "../format.js";
import { startKey } from "../views/key.js";
import { startTheme } from "../views/theme.js";
import { listStreams } from "./api.js";
import { startForm } from "./form.js";
import { createTile } from "./tile.js";

const EVERY_MS = 1000;
const tiles = new Map(); // "stream source" -> tile
let timer = 0;

function draw({ streams, services }) {
  const wanted = new Map();
  for (const stream of streams) {
    for (const source of stream.spec.sources) wanted.set(`${stream.id} ${source.id}`, [stream, source]);
  }
  for (const [key, tile] of tiles) {
    if (wanted.has(key)) continue;
    tile.stop();
    tile.node.remove();
    tiles.delete(key);
  }
  for (const [key, [stream, source]] of wanted) {
    if (tiles.has(key)) {
      tiles.get(key).update(stream);
    } else {
      const tile = createTile(stream, source, trouble);
      tiles.set(key, tile);
      byId("tiles").append(tile.node);
    }
  }
  byId("tiles").querySelector(".empty")?.remove();
  if (tiles.size === 0) byId("tiles").append(el("li", { class: "empty quiet", text: "No streams yet. Add a camera above." }));
  byId("streams-state").textContent = summary(streams, services);
}

function summary(streams, services) {
  if (services.length === 0) return "No stream service is running; start one with: python -m stream_service";
  const down = streams.filter(({ health }) => ["down", "degraded", "failed"].includes(health)).length;
  const health = down ? `, ${down} in trouble` : "";
  return `${plural(streams.length, "stream")}${health}, ${plural(services.length, "stream service")}`;
}

function trouble(error) {
  byId("add-error").textContent = error.message;
}

async function look() {
  clearTimeout(timer);
  if (!document.hidden) {
    try {
      draw(await listStreams());
    } catch (error) {
      byId("streams-state").textContent = error.message;
    }
  }
  clearTimeout(timer);
  timer = setTimeout(look, EVERY_MS);
}

startTheme();
startKey();
startForm(look);
document.addEventListener("visibilitychange", look);
look();
