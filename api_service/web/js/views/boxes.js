// Boxes with labels, in the pixels of the page so that lines and text keep their size.

import { colourOf } from "../colours.js";
import { svg } from "../dom.js";
import { percent } from "../format.js";
import { placeLabels } from "./labels.js";

const TEXT_PX = 12;
const LABEL_HEIGHT = 19;
const LABEL_PADDING = 6;
const measure = document.createElement("canvas").getContext("2d");

/**
 * @param {SVGElement} overlay its viewBox is in page pixels
 * @param {{predictions: object[]}} answer boxes by centre, in pixels of the source picture
 * @param {{scale: number, width: number, height: number, light: (index: number | null) => void}} view
 */
export function drawBoxes(overlay, { predictions }, { scale, width, height, light }) {
  const boxes = predictions.map((item) => ({
    x: (item.x - item.width / 2) * scale,
    y: (item.y - item.height / 2) * scale,
    width: item.width * scale,
    height: item.height * scale,
  }));
  const texts = predictions.map((item) => `${item.class} ${percent(item.confidence)}`);
  const places = placeLabels(boxes, texts.map(widthOf), LABEL_HEIGHT, { width, height });
  const groups = predictions.map((item, index) => group(item, boxes[index], texts[index], places[index], index));
  // Big boxes first, so that a small one inside can be pointed at.
  const area = (index) => boxes[index].width * boxes[index].height;
  const order = groups.map((_, index) => index).sort((a, b) => area(b) - area(a));
  for (const index of order) {
    groups[index].addEventListener("pointerenter", () => light(index));
    groups[index].addEventListener("pointerleave", () => light(null));
    overlay.append(groups[index]);
  }
}

function widthOf(text) {
  measure.font = `600 ${TEXT_PX}px ${getComputedStyle(document.body).fontFamily}`;
  return measure.measureText(text).width + 2 * LABEL_PADDING;
}

function group(item, box, text, place, index) {
  const colour = colourOf(item.class_id);
  const label = svg(
    "g",
    { class: place.free ? "label" : "label crowded", transform: `translate(${place.x} ${place.y})` },
    svg("rect", { width: place.width, height: LABEL_HEIGHT, rx: 4, fill: colour }),
    svg("text", { x: LABEL_PADDING, y: LABEL_HEIGHT - 5.5, text }),
  );
  return svg(
    "g",
    { class: "box", "data-index": index },
    svg("rect", { class: "halo", ...box, rx: 3 }),
    svg("rect", { class: "edge", ...box, rx: 3, stroke: colour, fill: colour }),
    label,
  );
}
