// Embedding: the picture as a vector, drawn as bars above and below a line; and how alike the last pictures and texts are.

import { el } from "../dom.js";
import { plural } from "../format.js";
import { phrases } from "../views/words.js";

const HEIGHT = 48;
const MOST_TEXTS = 8;
const MOST_PICTURES = 8;

/** Pictures of this visit, the last one first: {model, url, name, vector}. */
let seen = [];

export const embedding = {
  name: "embedding",
  title: "Embedding",
  route: "clip/embed_image",
  sliders: [],
  filtersClasses: false,
  words: "Texts to compare",
  more,
  summary: ({ embeddings }) => plural(embeddings[0].length, "number"),
  verdict: () => "",
  draw: () => {},
  list,
};

async function more({ model, words }, ask) {
  const texts = phrases(words).slice(0, MOST_TEXTS);
  if (texts.length === 0) return { texts, vectors: [] };
  const { body } = await ask("clip/embed_text", { model_id: model.id, text: texts });
  return { texts, vectors: body.embeddings };
}

function list({ embeddings: [vector] }, light, { model, picture, more: { texts, vectors } }) {
  const now = { model: model.id, url: picture.url, name: picture.name, vector };
  seen = [now, ...seen.filter(({ model: id, url }) => id === now.model && url !== now.url)].slice(0, MOST_PICTURES);
  const box = el("div");
  if (texts.length > 0) box.append(matrix(texts, vectors));
  box.append(bars(vector));
  return box;
}

/** Pictures below one another, texts beside one another, the cosine of each pair in its cell. */
function matrix(texts, vectors) {
  const rows = seen.map(({ vector }) => vectors.map((other) => cosine(vector, other)));
  const [least, most] = [Math.min(...rows.flat()), Math.max(...rows.flat())];
  const heat = (value) => (most > least ? (value - least) / (most - least) : 0);
  const head = el("tr", {}, el("th", { scope: "col", text: "Picture" }), ...texts.map((text) => el("th", { scope: "col", text })));
  const body = rows.map((row, i) => el("tr", {}, el("th", { scope: "row", text: seen[i].name }), ...row.map((value) => cell(value, heat(value)))));
  return el("table", { class: "matrix", "aria-label": "Similarity" }, el("thead", {}, head), el("tbody", {}, ...body));
}

function cell(value, heat) {
  const made = el("td", { text: value.toFixed(3) });
  made.style.setProperty("--heat", `${Math.round(heat * 60)}%`);
  return made;
}

function cosine(one, other) {
  const dot = one.reduce((sum, value, i) => sum + value * other[i], 0);
  return dot / (Math.hypot(...one) * Math.hypot(...other) || 1);
}

function bars(vector) {
  const most = Math.max(...vector.map(Math.abs)) || 1;
  const canvas = el("canvas", { class: "vector", width: vector.length, height: 2 * HEIGHT, role: "img", "aria-label": "The vector's numbers as bars" });
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  vector.forEach((value, x) => pen.fillRect(x, HEIGHT, 1, (-value / most) * HEIGHT));
  return canvas;
}
