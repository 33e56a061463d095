// The live registry: choose a model, and what it is.

import { byId, el } from "../dom.js";
import { plural } from "../format.js";
import { taskOf } from "../tasks/index.js";

// Fewer than this are seen at a glance.
const SEARCH_FROM = 7;

export function startModels(store) {
  const list = byId("model-list");
  const search = byId("model-search");
  let drawn = "";

  function draw() {
    const { models, model } = store.get();
    const key = JSON.stringify(models.map(({ id, available_on, loaded_on }) => [id, available_on, loaded_on.length]));
    if (key !== drawn) {
      const focused = list.contains(document.activeElement) ? document.activeElement.value : null;
      list.replaceChildren(...models.map((item) => card(item, model?.id)));
      if (models.length === 0) list.append(el("p", { class: "quiet empty", text: "No model yet. Add one: visionfleet models add my.onnx" }));
      search.hidden = models.length < SEARCH_FROM;
      [...list.querySelectorAll("input")].find((input) => input.value === focused)?.focus();
      drawn = key;
      filter();
    }
    byId("model-facts").replaceChildren(...(model ? facts(model) : []));
  }

  function filter() {
    const words = search.hidden ? "" : search.value.trim().toLowerCase();
    for (const label of list.querySelectorAll("label")) label.hidden = !label.dataset.find.includes(words);
  }

  list.addEventListener("change", (event) => {
    store.set({ model: store.get().models.find(({ id }) => id === event.target.value) });
  });
  search.addEventListener("input", filter);
  store.on(["models", "model"], draw);
}

function card(model, chosenId) {
  const input = el("input", { type: "radio", name: "model", value: model.id });
  input.checked = model.id === chosenId;
  const ready = model.loaded_on.length > 0;
  const absent = model.available_on.length === 0;
  return el(
    "label",
    { class: absent ? "model absent" : "model", "data-find": `${model.id} ${model.task} ${model.labels.join(" ")}`.toLowerCase() },
    input,
    el("span", { class: "model-name clip", text: model.id, title: model.id }),
    el("span", { class: "model-task quiet", text: [taskOf(model.task).title, absent ? "no worker" : sizeOf(model)].filter(Boolean).join(" · ") }),
    el("span", { class: ready ? "dot good" : "dot", title: ready ? "Loaded" : "Loads on first use" }),
  );
}

// A model may take pictures of any size.
function sizeOf({ input_width: width, input_height: height }) {
  return width && height ? `${width} × ${height}` : "";
}

function facts(model) {
  const loaded = model.loaded_on.length > 0 ? plural(model.loaded_on.length, "worker") : "on first use";
  const entries = [
    ["Runs on", model.available_on.join(", ") || "no live worker"],
    ["Loaded", loaded],
    ["Family", model.family],
    ["Classes", plural(model.labels.length, "class", "classes")],
  ];
  const rows = entries.map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { text: value })));
  if (model.description) rows.unshift(el("p", { class: "quiet description", text: model.description }));
  return rows;
}
