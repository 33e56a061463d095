// Embedding: the picture as a vector, drawn as bars above and below a line.

import { el } from "../dom.js";
import { plural } from "../format.js";

const HEIGHT = 48;

export const embedding = {
  name: "embedding",
  title: "Embedding",
  route: "clip/embed_image",
  sliders: [],
  filtersClasses: false,
  summary: ({ embeddings }) => plural(embeddings[0].length, "number"),
  verdict: () => "",
  draw: () => {},
  list,
};

function list({ embeddings: [vector] }) {
  const most = Math.max(...vector.map(Math.abs)) || 1;
  const canvas = el("canvas", { class: "vector", width: vector.length, height: 2 * HEIGHT, role: "img", "aria-label": "The vector's numbers as bars" });
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  vector.forEach((value, x) => pen.fillRect(x, HEIGHT, 1, (-value / most) * HEIGHT));
  return canvas;
}
