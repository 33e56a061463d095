// One row per queue (hardware, lane and model) that holds jobs or lately did.

import { el } from "../dom.js";
import { bytes, milliseconds } from "../format.js";
import { sparkline } from "./sparkline.js";

const HEADS = ["Model", "Hardware", "Lane", "Waiting", "Running", "Size", "Oldest", "Recent depth"];
const NUMBERS = new Set(["Waiting", "Running", "Size", "Oldest"]);
const IDLE = { waiting: 0, running: 0, bytes: 0, oldest_ms: 0 };

export function queueTable(place) {
  const rows = new Map();
  const body = el("tbody");
  const heads = HEADS.map((text) => el("th", { scope: "col", class: NUMBERS.has(text) ? "number" : null, text }));
  const table = el("table", {}, el("thead", {}, el("tr", {}, ...heads)), body);
  const empty = el("p", { class: "quiet empty", text: "All queues are empty." });

  return function draw(queues) {
    const now = new Map(queues.map((queue) => [`${queue.hardware} ${queue.lane} ${queue.model}`, queue]));
    for (const [key, queue] of now) if (depth(queue) > 0 && !rows.has(key)) rows.set(key, queueRow(queue));
    for (const [key, row] of rows) {
      row.update(now.get(key) ?? IDLE);
      if (row.flat()) rows.delete(key);
    }
    const nodes = [...rows.values()].map(({ node }) => node);
    if (nodes.length !== body.children.length || nodes.some((node, index) => body.children[index] !== node)) body.replaceChildren(...nodes);
    const wanted = nodes.length > 0 ? table : empty;
    if (place.firstElementChild !== wanted) place.replaceChildren(wanted);
  };
}

function depth({ waiting, running }) {
  return waiting + running;
}

function queueRow({ hardware, lane, model }) {
  const cells = Object.fromEntries(["waiting", "running", "size", "oldest"].map((name) => [name, el("td", { class: "figure number" })]));
  const history = sparkline(`Recent depth of ${model}, ${hardware}, ${lane}`);
  const node = el(
    "tr",
    {},
    el("th", { scope: "row" }, el("span", { class: "clip", text: model, title: model })),
    el("td", {}, el("span", { class: "tag", text: hardware })),
    el("td", { class: "quiet", text: lane }),
    ...Object.values(cells),
    el("td", {}, history.node),
  );

  function update(queue) {
    cells.waiting.textContent = queue.waiting.toLocaleString("en");
    cells.running.textContent = queue.running.toLocaleString("en");
    cells.size.textContent = bytes(queue.bytes);
    cells.oldest.textContent = queue.oldest_ms > 0 ? milliseconds(queue.oldest_ms) : "–";
    history.push(depth(queue));
  }

  return { node, update, flat: () => history.values.every((value) => value === 0) };
}
