// A small line of recent values.

import { svg } from "../dom.js";

const POINTS = 40;
const WIDTH = 96;
const HEIGHT = 24;
// A steady value is a line, not a full block.
const HEADROOM = 1.3;

/** A line whose `push` adds a value; its top is a little over the largest value on it, and at least `floor`. */
export function sparkline(title, floor = 1) {
  const base = svg("line", { class: "spark-base", x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 });
  const line = svg("polyline", { class: "spark-line" });
  const area = svg("polygon", { class: "spark-area" });
  const node = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title, preserveAspectRatio: "none" }, base, area, line);
  const values = [];

  function push(value) {
    values.push(Number(value) || 0);
    if (values.length > POINTS) values.shift();
    const top = Math.max(floor, HEADROOM * Math.max(...values));
    const left = WIDTH - (values.length - 1) * (WIDTH / (POINTS - 1));
    const points = values.map((each, index) => {
      const x = left + index * (WIDTH / (POINTS - 1));
      return `${x.toFixed(1)},${(HEIGHT - 1.5 - (each / top) * (HEIGHT - 3)).toFixed(1)}`;
    });
    line.setAttribute("points", points.join(" "));
    area.setAttribute("points", `${left.toFixed(1)},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`);
  }

  return { node, push, values };
}
