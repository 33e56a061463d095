// Reading: the text of the picture, and where it stands.

import { el } from "../dom.js";
import { plural } from "../format.js";
import { drawBoxes } from "../views/boxes.js";

export const reading = {
  name: "ocr",
  title: "Read text",
  route: "ocr/trocr",
  sliders: [],
  filtersClasses: false,
  summary: ({ result }) => (result ? plural(result.split(/\s+/).filter(Boolean).length, "word") : "No text found"),
  verdict: ({ result }) => result.split("\n")[0],
  draw: (stage, answer, ...rest) => answer.predictions && drawBoxes(stage, answer, ...rest),
  list,
};

function list({ result }) {
  return result ? el("pre", { class: "text", text: result }) : el("p", { class: "quiet empty", text: "No text found." });
}
