// Chips that narrow the answer to some classes; none pressed means all.

import { colourOf } from "../colours.js";
import { byId, el } from "../dom.js";
import { taskOf } from "../tasks/index.js";

export function startClasses(store) {
  const place = byId("class-chips");

  function press(label) {
    const { classes } = store.get();
    store.set({ classes: classes.includes(label) ? classes.filter((other) => other !== label) : [...classes, label] });
  }

  function build({ model }) {
    byId("classes").hidden = !taskOf(model.task).filtersClasses || model.labels.length === 0;
    place.replaceChildren(...model.labels.map((label, index) => chip(label, index, press)));
    paint(store.get());
  }

  function paint({ classes }) {
    for (const button of place.children) button.setAttribute("aria-pressed", String(classes.includes(button.value)));
    place.classList.toggle("narrowed", classes.length > 0);
    byId("all-classes").disabled = classes.length === 0;
  }

  store.on(["modelId"], build);
  store.on(["classes"], paint);
  byId("all-classes").addEventListener("click", () => store.set({ classes: [] }));
}

function chip(label, index, press) {
  const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
  swatch.style.background = colourOf(index);
  const button = el("button", { type: "button", class: "chip", value: label, on: { click: () => press(label) } });
  button.append(swatch, el("span", { class: "clip", text: label }));
  return button;
}
