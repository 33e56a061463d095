// Points of objects, in the pixels of the page.

import { colourOf } from "../colours.js";
import { svg } from "../dom.js";

/** A dot for each of an object's points. */
export function drawPoints(overlay, points, classId, index, scale) {
  const fill = colourOf(classId);
  for (const { x, y } of points) {
    overlay.append(svg("circle", { class: "point", "data-index": index, cx: x * scale, cy: y * scale, r: 3, fill }));
  }
}
