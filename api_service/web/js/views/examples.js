// Example pictures, drawn by models/training/scenes.py: scene(seed, 640, 480, 9, 0.5) with seeds 142, 115 and
// 141, and closeup(279, 480, 0.4).

import { byId, el } from "../dom.js";

const EXAMPLES = [
  { file: "paper.jpg", title: "Shapes on paper" },
  { file: "night.jpg", title: "Shapes at night" },
  { file: "meadow.jpg", title: "Shapes on green" },
  { file: "star.jpg", title: "A star, close" },
];

/** @param {(blob: Blob, name: string) => void} take */
export function startExamples(take) {
  const items = EXAMPLES.map(({ file, title }) => {
    const url = new URL(`../../examples/${file}`, import.meta.url).href;
    const choose = async () => take(await (await fetch(url)).blob(), file);
    const picture = el("img", { src: url, alt: "", width: 56, height: 42 });
    return el("li", {}, el("button", { type: "button", "aria-label": `Example: ${title}`, title, on: { click: choose } }, picture));
  });
  byId("examples").replaceChildren(...items);
}
