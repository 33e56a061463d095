// One tile: a source of a stream, its picture, its health, and what can be done to it.

import { el } from "../dom.js";
import { milliseconds, rate } from "../format.js";
import { command, removeSource, removeStream } from "./api.js";
import { livePicture } from "./picture.js";

const DOTS = { running: "good", connecting: "wait", reconnecting: "bad", stalled: "bad", failed: "bad", pending: "wait" };
const WORDS = {
  pending: "Waiting for a stream service",
  connecting: "Connecting",
  reconnecting: "Connection lost; trying again",
  stalled: "The camera has stopped sending",
  paused: "Paused",
  muted: "Muted",
  ended: "The video is over",
  failed: "The source cannot be read",
};
const CAUSES = {
  window_full: "replaced by newer",
  decimated: "over the rate",
  motion: "no motion",
  queue_full: "queue full",
  queue_unavailable: "no queue",
  no_worker: "no worker",
  model_failed: "model failed",
};

/** A tile for (stream, source); `update` draws news, `failed` is called with what a button could not do. */
export function createTile(stream, source, failed) {
  const image = el("img", { alt: `Live picture of ${nameOf(stream, source)}`, hidden: true });
  const hint = el("p", { text: "Waiting for the first picture" });
  const title = el("h3", { class: "clip" });
  const dot = el("span", { class: "dot" });
  const word = el("span");
  const about = el("p", { class: "tile-about clip" });
  const figures = Object.fromEntries(["In", "Out", "Age p50", "Age p95"].map((name) => [name, el("dd", { class: "figure", text: "–" })]));
  const lost = el("p", { class: "tile-lost" });
  const trouble = el("p", { class: "tile-error" });
  let now = stream;

  const pause = button("Pause", () => command(now.id, now.desired === "running" ? "pause" : "resume"));
  const restart = button("Restart", () => command(now.id, "restart"));
  const remove = button("Remove", () =>
    now.spec.sources.length > 1 ? removeSource(now.id, source.id) : removeStream(now.id),
  );
  remove.classList.add("danger");

  function button(text, act) {
    const node = el("button", { class: "button", type: "button", text });
    node.addEventListener("click", async () => {
      node.disabled = true;
      try {
        await act();
      } catch (error) {
        failed(error);
      }
      node.disabled = false;
    });
    return node;
  }

  const node = el(
    "li",
    { class: "tile card", "data-stream": stream.id, "data-source": source.id },
    el("div", { class: "view" }, image, hint),
    el(
      "div",
      { class: "tile-body" },
      el("div", { class: "tile-head" }, title, el("span", { class: "tile-state" }, dot, word)),
      about,
      el("dl", { class: "tile-figures" }, ...Object.entries(figures).map(([name, dd]) => el("div", {}, el("dt", { text: name }), dd))),
      lost,
      trouble,
      el("div", { class: "tile-buttons" }, pause, restart, remove),
    ),
  );
  const picture = livePicture(image, hint, stream.id, source.id);

  function update(news) {
    now = news;
    const report = news.status.sources?.[source.id] ?? {};
    const state = news.state === "running" ? (report.state ?? "connecting") : news.state;
    const name = nameOf(news, source);
    title.textContent = name;
    title.title = name;
    dot.className = `dot ${DOTS[state] ?? ""}`;
    word.textContent = state;
    about.textContent = [aboutModel(news.spec), sizeOf(report), name === source.reference ? "" : source.reference].filter(Boolean).join(" · ");
    about.title = about.textContent;
    figures.In.textContent = `${rate(report.fps)}/s`;
    figures.Out.textContent = `${rate(report.fps_out)}/s`;
    figures["Age p50"].textContent = age(report.age_ms?.p50);
    figures["Age p95"].textContent = age(report.age_ms?.p95);
    lost.textContent = leftOut(report.counts ?? {});
    trouble.textContent = report.error?.message ?? news.status.error?.message ?? "";
    pause.textContent = news.desired === "running" ? "Pause" : "Resume";
    pause.hidden = ["ended", "failed"].includes(news.state);
    restart.hidden = !pause.hidden;
    for (const one of [pause, restart, remove]) one.setAttribute("aria-label", `${one.textContent} ${name}`);
    picture.say(WORDS[state] ?? "Waiting for the first picture");
  }

  update(stream);
  return { node, update, stop: picture.stop };
}

function nameOf(stream, source) {
  if (!stream.name) return String(source.reference);
  return stream.spec.sources.length > 1 ? `${stream.name} · ${source.id}` : stream.name;
}

function aboutModel(spec) {
  if (spec.model) return spec.model.model_id + (spec.model.tracking ? ", tracking" : "");
  return spec.workflow ? "workflow" : "no model";
}

function sizeOf({ width, height }) {
  return width && height ? `${width} × ${height}` : "";
}

function age(ms) {
  return ms === undefined ? "–" : milliseconds(ms);
}

// "1,204 results; left out: 12 replaced by newer, 3 expired"
function leftOut(counts) {
  const causes = Object.entries(counts).filter(([name, count]) => count > 0 && !["received", "ok"].includes(name));
  const words = causes.map(([name, count]) => `${count.toLocaleString("en")} ${CAUSES[name] ?? name}`);
  const results = `${(counts.ok ?? 0).toLocaleString("en")} results`;
  return words.length ? `${results}; left out: ${words.join(", ")}` : results;
}
