// Promptable segmentation: points and a box on the picture, the mask of what they mean over it.

import { colourOf } from "../colours.js";
import { el, svg } from "../dom.js";
import { percent } from "../format.js";

export const prompted = {
  name: "promptable-segmentation",
  title: "Segment by clicks",
  route: "sam2/segment_image",
  sliders: [],
  filtersClasses: false,
  marks: "points",
  wants: ({ marks }) => (marks.length > 0 ? "" : "Click on an object in the picture."),
  asked,
  summary: ({ predictions: [found] }) => (found?.masks.length > 0 ? `Mask found, ${percent(found.confidence)} sure` : "No mask"),
  verdict: () => "",
  draw,
  list,
};

function asked({ marks }) {
  const box = marks.find(({ width }) => width !== undefined);
  const points = marks.filter(({ width }) => width === undefined).map(({ x, y, on }) => ({ x, y, positive: on }));
  return { prompts: { prompts: [box ? { points, box } : { points }] } };
}

function draw(overlay, { predictions: [found] }, { scale }) {
  if (!found) return;
  const rings = found.masks.map((ring) => `M${ring.map(([x, y]) => `${(x + 0.5) * scale} ${(y + 0.5) * scale}`).join("L")}Z`);
  overlay.append(svg("path", { class: "mask", d: rings.join(""), fill: colourOf(0), stroke: colourOf(0), "fill-rule": "evenodd" }));
}

function list({ predictions: [found] }) {
  if (!found) return el("p", { class: "quiet empty", text: "No mask." });
  const corners = found.masks.reduce((sum, ring) => sum + ring.length, 0);
  return el("p", { class: "quiet empty", text: `${found.masks.length} outlines with ${corners} corners. More clicks make it better.` });
}
