// What a model that writes is asked. It runs when the question is finished, not at each letter.

import { byId } from "../dom.js";
import { taskOf } from "../tasks/index.js";

export function startQuestion(store) {
  const form = byId("question");
  const field = byId("prompt");
  const ask = () => {
    if (store.get().params.prompt !== field.value) store.set({ params: { ...store.get().params, prompt: field.value } });
  };

  store.on(["modelId"], ({ model }) => {
    const { asks } = taskOf(model.task);
    form.hidden = !asks;
    if (!asks) return;
    field.value ||= asks;
    ask();
  });
  field.addEventListener("change", ask);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    ask();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
}
