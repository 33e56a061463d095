// The form that adds a stream.

import { listModels } from "../api.js";
import { byId, el } from "../dom.js";
import { createStream } from "./api.js";

/** @param {() => void} added is called when a stream was accepted */
export function startForm(added) {
  const form = byId("add");
  const error = byId("add-error");
  const submit = byId("submit");
  fillModels();

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    submit.textContent = "Opening…";
    error.textContent = "";
    try {
      await createStream(specification());
      byId("source").value = "";
      byId("name").value = "";
      added();
    } catch (cause) {
      error.textContent = [cause.message, cause.code && `(${cause.code})`].filter(Boolean).join(" ");
    }
    submit.disabled = false;
    submit.textContent = "Add";
  });
}

function specification() {
  const source = byId("source").value.trim();
  const model = byId("model").value;
  const fps = Number(byId("max-fps").value);
  return {
    name: byId("name").value.trim(),
    sources: [{ reference: /^\d+$/.test(source) ? Number(source) : source }],
    ...(model ? { model: { model_id: model, tracking: byId("tracking").checked } } : {}),
    ...(fps > 0 ? { max_fps: fps } : {}),
    sinks: [],
  };
}

async function fillModels() {
  const select = byId("model");
  const none = el("option", { value: "", text: "None: picture only" });
  try {
    const models = await listModels();
    select.replaceChildren(...models.map(({ id }) => el("option", { value: id, text: id })), none);
    select.value = models.find(({ task }) => task === "object-detection")?.id ?? models[0]?.id ?? "";
  } catch {
    select.replaceChildren(none);
  }
}
