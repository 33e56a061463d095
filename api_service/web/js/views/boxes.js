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
  const texts = predictions.map((item) => (item.confidence === undefined ? item.class : `${item.class} ${percent(item.confidence)}`));
  const places = placeLabels(boxes, texts.map(widthOf), LABEL_HEIGHT, { width, height });
  // Big boxes first, so that a small one inside can be pointed at; labels over all boxes.
  const area = ({ width: wide, height: high }) => wide * high;
  const order = boxes.map((_, index) => index).sort((a, b) => area(boxes[b]) - area(boxes[a]));
  for (const index of order) {
    const node = boxOf(boxes[index], colourOf(predictions[index].class_id), index);
    node.addEventListener("pointerenter", () => light(index));
    node.addEventListener("pointerleave", () => light(null));
    overlay.append(node);
  }
  overlay.append(...predictions.map((item, index) => labelOf(texts[index], places[index], colourOf(item.class_id), index)));
}

function widthOf(text) {
  measure.font = `600 ${TEXT_PX}px ${getComputedStyle(document.body).fontFamily}`;
  return measure.measureText(text).width + 2 * LABEL_PADDING;
}

function boxOf(box, colour, index) {
  return svg(
    "g",
    { class: "box", "data-index": index },
    svg("rect", { class: "halo", ...box, rx: 3 }),
    svg("rect", { class: "edge", ...box, rx: 3, stroke: colour, fill: colour }),
  );
}

function labelOf(text, { x, y, width, free }, colour, index) {
  return svg(
    "g",
    { class: free ? "label" : "label crowded", "data-index": index, transform: `translate(${x} ${y})` },
    svg("rect", { width, height: LABEL_HEIGHT, rx: 4, fill: colour }),
    svg("text", { x: LABEL_PADDING, y: LABEL_HEIGHT - 5.5, text }),
  );
}
