// Classification: ranked bars, and the winner's name on the picture.

import { colourOf } from "../colours.js";
import { el } from "../dom.js";
import { percent } from "../format.js";

export const classification = {
  name: "classification",
  title: "Classification",
  route: "infer/classification",
  sliders: [
    // A ranking wants every class, so this starts at nought whatever the model's own threshold.
    { name: "confidence", label: "Confidence", hint: "Hide what the model is less sure of", min: 0, max: 1, step: 0.01, initial: 0, own: true },
  ],
  filtersClasses: false,
  summary: (answer) => winners(answer).join(", ") || "No class above the threshold",
  verdict: (answer) => {
    const [best] = ranked(answer);
    return best ? `${best.class}  ${percent(best.confidence)}` : "";
  },
  draw: () => {},
  list,
};

/** Both forms as one list, best first: single-label answers are a list, multi-label answers an object by label. */
export function ranked({ predictions }) {
  if (Array.isArray(predictions)) return predictions;
  const items = Object.entries(predictions).map(([label, item]) => ({ class: label, ...item }));
  return items.sort((a, b) => b.confidence - a.confidence);
}

function winners(answer) {
  if (Array.isArray(answer.predicted_classes)) return answer.predicted_classes;
  return answer.top ? [answer.top] : [];
}

function list(answer) {
  const chosen = new Set(winners(answer));
  const items = ranked(answer);
  if (items.length === 0) return el("p", { class: "quiet empty", text: "No class above the threshold." });
  return el("ol", { class: "ranking" }, ...items.map((item) => bar(item, chosen.has(item.class))));
}

function bar(item, chosen) {
  const filled = el("span");
  filled.style.width = percent(item.confidence).replace(" ", "");
  filled.style.background = colourOf(item.class_id);
  return el(
    "li",
    { class: chosen ? "chosen" : null },
    el("span", { class: "clip", text: item.class, title: item.class }),
    el("span", { class: "figure", text: percent(item.confidence) }),
    el("span", { class: "meter wide", "aria-hidden": "true" }, filled),
  );
}
