// One slider per threshold of the task; moving one runs the model again.

import { byId, el } from "../dom.js";
import { taskOf } from "../tasks/index.js";

export function startThresholds(store) {
  const place = byId("sliders");

  function build({ model }) {
    const { sliders } = taskOf(model.task);
    byId("thresholds").hidden = sliders.length === 0;
    place.replaceChildren(...sliders.map((slider) => field(store, slider)));
  }

  store.on(["modelId"], build);
  byId("reset").addEventListener("click", () => {
    store.set({ params: initialParams(store.get().model) });
    build(store.get());
  });
}

/** The parameters a model starts with: its own thresholds where the task follows them. */
export function initialParams({ task, thresholds }) {
  const entries = taskOf(task).sliders.map(({ name, key = name, initial, own }) => [name, own ? initial : (thresholds?.[key] ?? initial)]);
  return Object.fromEntries(entries);
}

function field(store, { name, label, hint, min, max, step }) {
  const show = (value) => (step < 1 ? Number(value).toFixed(2) : String(value));
  // The slider itself speaks its value; an <output> would say it a second time.
  const output = el("span", { class: "figure", "aria-hidden": "true" });
  const input = el("input", { type: "range", id: `slider-${name}`, min, max, step, "aria-describedby": `hint-${name}` });
  const paint = () => {
    output.textContent = show(input.value);
    input.style.setProperty("--share", (input.value - min) / (max - min));
  };
  input.value = store.get().params[name];
  input.addEventListener("input", () => {
    paint();
    store.set({ params: { ...store.get().params, [name]: Number(input.value) } });
  });
  paint();
  return el(
    "div",
    { class: "slider" },
    el("label", { for: `slider-${name}`, text: label }),
    output,
    input,
    el("p", { class: "hint quiet", id: `hint-${name}`, text: hint }),
  );
}
