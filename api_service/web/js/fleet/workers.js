// One card per worker, updated in place.

import { el } from "../dom.js";
import { bytes, plural, rate, span } from "../format.js";
import { sparkline } from "./sparkline.js";

const STATES = { ready: "good", starting: "wait", draining: "wait" };

export function workerList(place) {
  const cards = new Map();
  return function draw(workers, models) {
    const sizes = new Map(models.map((model) => [model.id, model]));
    for (const id of cards.keys()) if (!workers.some((worker) => worker.id === id)) cards.delete(id);
    for (const worker of workers) {
      if (!cards.has(worker.id)) cards.set(worker.id, workerCard(worker));
      cards.get(worker.id).update(worker, sizes);
    }
    const nodes = [...cards.values()].map(({ node }) => node);
    const empty = el("p", { class: "card quiet empty", text: "No worker is running. Start one: visionfleet up" });
    if (nodes.length !== place.children.length || nodes.some((node, index) => place.children[index] !== node)) {
      place.replaceChildren(...(nodes.length > 0 ? nodes : [empty]));
    }
  };
}

function workerCard({ id, hardware, host, pid, version }) {
  const state = el("span", { class: "dot" });
  const word = el("span", { class: "quiet" });
  const load = el("span");
  const loadText = el("span", { class: "figure" });
  const history = sparkline(`Recent rate of ${id}`);
  const figures = Object.fromEntries(["Rate", "Memory", "Jobs", "Up"].map((name) => [name, el("dd", { class: "figure" })]));
  const held = el("ul", { class: "held" });
  const about = el("p", { class: "quiet about" });
  const node = el(
    "article",
    { class: "card worker", "aria-label": `Worker ${id}` },
    el("div", { class: "card-head" }, el("span", { class: "tag", text: hardware }), el("h3", { class: "clip", text: id, title: id }), el("span", { class: "state" }, state, word)),
    el("div", { class: "load" }, el("span", { class: "quiet", text: "Load" }), el("span", { class: "meter wide" }, load), loadText),
    el("dl", { class: "worker-figures" }, ...Object.entries(figures).map(([name, value]) => el("div", {}, el("dt", { text: name }), value))),
    history.node,
    held,
    about,
  );

  function update(worker, models) {
    state.className = `dot ${STATES[worker.state] ?? ""}`;
    word.textContent = worker.state;
    const share = Math.min(1, worker.running / Math.max(1, worker.capacity));
    load.style.width = `${share * 100}%`;
    loadText.textContent = `${worker.running} / ${worker.capacity}`;
    figures.Rate.textContent = `${rate(worker.rate)} /s`;
    figures.Memory.textContent = bytes(worker.rss_bytes);
    const failed = worker.failures > 0 ? ` (${worker.failures.toLocaleString("en")} failed)` : "";
    figures.Jobs.textContent = worker.jobs.toLocaleString("en") + failed;
    figures.Up.textContent = span(worker.seen_ms - worker.started_ms);
    history.push(worker.rate);
    held.replaceChildren(...worker.held.map((model) => heldModel(model, models)));
    if (worker.held.length === 0) held.append(el("li", { class: "quiet", text: "No model held" }));
    about.textContent = [host, `pid ${pid}`, `version ${version}`, plural(worker.threads, "thread"), ...worker.providers.map(short)].join(" · ");
  }

  return { node, update };
}

function heldModel({ id, bytes: size, pinned }, models) {
  const task = models.get(id)?.task ?? "";
  return el(
    "li",
    { class: "held-model", title: [task, pinned ? "pinned" : ""].filter(Boolean).join(", ") },
    el("span", { class: "clip", text: id }),
    el("span", { class: "quiet figure", text: bytes(size) }),
    pinned ? el("span", { class: "pin", text: "pinned" }) : null,
  );
}

function short(provider) {
  return provider.replace("ExecutionProvider", "");
}
