// Gaze: faces, and an arrow for where each of them looks.

import { el, svg } from "../dom.js";
import { percent, plural } from "../format.js";
import { drawBoxes } from "../views/boxes.js";
import { drawPoints } from "../views/points.js";
import { rovingRows } from "../views/rows.js";

export const gaze = {
  name: "gaze-detection",
  title: "Gaze",
  route: "infer/gaze_detection",
  sliders: [{ name: "confidence", label: "Confidence", hint: "Hide faces that the model is less sure of", min: 0, max: 1, step: 0.01, initial: 0.9 }],
  filtersClasses: false,
  summary: ({ predictions }) => (predictions.length > 0 ? `${plural(predictions.length, "face")} found` : "No face found"),
  verdict: () => "",
  draw,
  list,
};

function draw(overlay, { predictions }, view) {
  drawBoxes(overlay, { predictions: predictions.map(({ face }) => face) }, view);
  predictions.forEach(({ face, yaw, pitch }, index) => {
    drawPoints(overlay, face.landmarks, face.class_id, index, view.scale);
    overlay.append(arrow(face, yaw, pitch, index, view.scale));
  });
}

// As long as the face is wide when it looks along the picture; a dot at its tip says which end that is.
function arrow({ x, y, width }, yaw, pitch, index, scale) {
  const tip = [x - width * Math.sin(yaw) * Math.cos(pitch), y - width * Math.sin(pitch)];
  const line = { x1: x * scale, y1: y * scale, x2: tip[0] * scale, y2: tip[1] * scale, stroke: "red", "stroke-width": 3 };
  const dot = { cx: tip[0] * scale, cy: tip[1] * scale, r: 5, fill: "red" };
  return svg("g", { class: "look", "data-index": index }, svg("line", line), svg("circle", dot));
}

function list({ predictions }, light) {
  if (predictions.length === 0) {
    return el("p", { class: "quiet empty", text: "No face above the threshold. A lower confidence shows more." });
  }
  const head = ["Face", "Confidence", "To the left, °", "Up, °"].map((text) => el("th", { scope: "col", text }));
  const rows = predictions.map(row);
  rovingRows(rows, light);
  return el("table", { class: "objects" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
}

function row({ face, yaw, pitch }, index) {
  const figures = [percent(face.confidence), degrees(yaw), degrees(pitch)];
  return el("tr", { "data-index": index }, el("th", { scope: "row", text: String(index + 1) }), ...figures.map((text) => el("td", { class: "figure", text })));
}

function degrees(radians) {
  return String(Math.round((radians * 180) / Math.PI));
}
