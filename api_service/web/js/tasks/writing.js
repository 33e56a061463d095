// Writing: what the model says to the question, and the places that its answer names.

import { el } from "../dom.js";
import { plural } from "../format.js";
import { drawBoxes } from "../views/boxes.js";

export const writing = {
  name: "lmm",
  title: "Ask a question",
  route: "infer/lmm",
  asks: "<CAPTION>",
  tells: true,
  sliders: [],
  filtersClasses: false,
  summary: ({ tokens, finish_reason: reason }) => `${plural(tokens, "token")}${reason === "length" ? ", cut off" : ""}`,
  verdict: () => "",
  draw,
  list,
};

/** A task's answer without the task. */
function said({ response }) {
  return typeof response === "string" ? response : Object.values(response)[0];
}

function draw(overlay, answer, view) {
  const { bboxes, labels, bboxes_labels: names = labels } = said(answer);
  if (!bboxes) return;
  const predictions = bboxes.map(([x0, y0, x1, y1], index) => ({
    x: (x0 + x1) / 2,
    y: (y0 + y1) / 2,
    width: Math.abs(x1 - x0), // a model may name corners in any order
    height: Math.abs(y1 - y0),
    class: names[index] || "region",
    class_id: [...new Set(names)].indexOf(names[index]),
  }));
  drawBoxes(overlay, { predictions }, view);
}

function list(answer) {
  const text = said(answer);
  return el("pre", { class: "text", text: typeof text === "string" ? text || "Nothing." : JSON.stringify(text, null, 1) });
}
