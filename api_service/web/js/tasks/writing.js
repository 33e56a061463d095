// Writing: what the model says to the question, and the places that its answer names.

import { el } from "../dom.js";
import { plural } from "../format.js";
import { drawBoxes } from "../views/boxes.js";

const POINT = 3;

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
  const predictions = answer.predictions ?? named(said(answer));
  if (predictions.length) drawBoxes(overlay, { predictions }, view);
}

/** Boxes that are named in the answer itself; points are small ones. */
function named({ bboxes, points, labels, bboxes_labels: names = labels }) {
  const places = bboxes ?? points?.map(([x, y]) => [x - POINT, y - POINT, x + POINT, y + POINT]) ?? [];
  return places.map(([x0, y0, x1, y1], index) => ({
    x: (x0 + x1) / 2,
    y: (y0 + y1) / 2,
    width: Math.abs(x1 - x0), // a model may name corners in any order
    height: Math.abs(y1 - y0),
    class: names[index] || "region",
    class_id: [...new Set(names)].indexOf(names[index]),
  }));
}

function list(answer) {
  const text = said(answer);
  return el("pre", { class: "text", text: typeof text === "string" ? text || "Nothing." : JSON.stringify(text, null, 1) });
}
