// Object detection: boxes on the picture, a table beside it.

import { colourOf } from "../colours.js";
import { el } from "../dom.js";
import { percent, plural } from "../format.js";
import { drawBoxes } from "../views/boxes.js";
import { rovingRows } from "../views/rows.js";

export const detection = {
  name: "object-detection",
  title: "Object detection",
  route: "infer/object_detection",
  sliders: [
    { name: "confidence", label: "Confidence", hint: "Hide what the model is less sure of", min: 0, max: 1, step: 0.01, initial: 0.4 },
    { name: "iou_threshold", key: "iou", label: "Overlap (IoU)", hint: "Merge boxes that overlap more than this", min: 0, max: 1, step: 0.01, initial: 0.3 },
    { name: "max_detections", label: "Most detections", hint: "Keep the best ones only", min: 1, max: 300, step: 1, initial: 300 },
  ],
  filtersClasses: true,
  summary: ({ predictions }) => (predictions.length > 0 ? `${plural(predictions.length, "object")} found` : "Nothing found"),
  verdict: () => "",
  draw: drawBoxes,
  list,
};

function list({ predictions }, light) {
  if (predictions.length === 0) {
    return el("p", { class: "quiet empty", text: "Nothing above the thresholds. A lower confidence shows more." });
  }
  const head = ["Class", "Confidence", "Size, px"].map((text) => el("th", { scope: "col", text }));
  const rows = predictions.map(row);
  rovingRows(rows, light);
  return el("table", { class: "objects" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
}

function row(item, index) {
  const colour = colourOf(item.class_id);
  const swatch = el("span", { class: "swatch" });
  swatch.style.background = colour;
  const bar = el("span", { class: "meter", "aria-hidden": "true" }, el("span"));
  bar.firstChild.style.width = percent(item.confidence).replace(" ", "");
  bar.firstChild.style.background = colour;
  return el(
    "tr",
    { "data-index": index },
    el("th", { scope: "row" }, el("span", { class: "named" }, swatch, el("span", { class: "clip", text: item.class, title: item.class }))),
    el("td", {}, bar, el("span", { class: "figure", text: percent(item.confidence) })),
    el("td", { class: "figure quiet", text: `${Math.round(item.width)} × ${Math.round(item.height)}` }),
  );
}
