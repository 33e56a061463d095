// Where the time of the last run went.

import { byId, el } from "../dom.js";
import { milliseconds } from "../format.js";

const STEPS = [
  ["queue", "Queue"],
  ["decode", "Decode"],
  ["preprocess", "Preprocess"],
  ["infer", "Infer"],
  ["post", "Post"],
  ["network", "Network"],
];

export function startTimings(store) {
  store.on(["run"], ({ run }) => {
    if (run.state === "running") return;
    byId("timings").hidden = run.state !== "done";
    if (run.state === "done") draw(run);
  });
}

function draw({ timings, roundTrip }) {
  const split = withNetwork(timings, roundTrip);
  const known = STEPS.filter(([name]) => name in split);
  byId("timings-split").hidden = known.length === 0;
  byId("timings-total").textContent = milliseconds(roundTrip);
  byId("timings-split").replaceChildren(
    ...known.map(([name]) => {
      const part = el("span", { class: `step-${name}` });
      part.style.flexGrow = split[name];
      return part;
    }),
  );
  if (known.length === 0) {
    byId("timings-legend").replaceChildren(el("li", { class: "quiet", text: "The server did not say how it spent the time." }));
    return;
  }
  byId("timings-legend").replaceChildren(
    ...known.map(([name, label]) =>
      el(
        "li",
        {},
        el("span", { class: `swatch step-${name}` }),
        el("span", { class: "quiet", text: label }),
        el("span", { class: "figure", text: milliseconds(split[name]) }),
      ),
    ),
  );
}

// What the server's steps do not explain is the way there and back, and the API's own work.
function withNetwork(timings, roundTrip) {
  if (Object.keys(timings).length === 0) return {};
  const steps = STEPS.map(([name]) => timings[name] ?? 0);
  return { ...timings, network: Math.max(0, roundTrip - steps.reduce((sum, ms) => sum + ms, 0)) };
}
