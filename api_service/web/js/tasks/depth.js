// Depth: the map in colours over the picture.

import { el } from "../dom.js";

export const depth = {
  name: "depth-estimation",
  title: "Depth",
  route: "infer/depth-estimation",
  sliders: [],
  filtersClasses: false,
  summary: (answer) => `${answer.normalized_depth[0].length} × ${answer.normalized_depth.length} depths`,
  verdict: () => "",
  draw: () => {},
  list,
};

function list(answer) {
  return el("img", { class: "map", alt: "Depth map: warm is near, cold is far", src: `data:image/jpeg;base64,${answer.image}` });
}
