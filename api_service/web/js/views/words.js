// What to find, for tasks that are told in words.

import { byId } from "../dom.js";
import { taskOf } from "../tasks/index.js";

export function startWords(store) {
  const field = byId("words");
  store.on(["modelId"], ({ model }) => {
    const { words } = taskOf(model.task);
    byId("words-card").hidden = !words;
    if (words) byId("words-heading").textContent = words;
  });
  field.addEventListener("input", () => store.set({ words: field.value }));
}

/** "a dog, a cat" -> ["a dog", "a cat"] */
export function phrases(words) {
  return words.split(",").map((phrase) => phrase.trim()).filter((phrase) => phrase !== "");
}
