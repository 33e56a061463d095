// A block of text with a button that copies it.

import { el } from "../dom.js";

/** @param {string} title @param {string} text @param {Node[]} shown what is seen instead of the plain text */
export function copyBlock(title, text, shown = [document.createTextNode(text)]) {
  const button = el("button", { class: "text-button", type: "button", text: "Copy", "aria-label": `Copy ${title}` });
  button.addEventListener("click", async () => {
    button.textContent = (await copy(text)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  const code = el("pre", { tabindex: 0, "aria-label": title }, el("code", {}, ...shown));
  return el("section", { class: "code" }, el("div", { class: "code-head" }, el("h3", { text: title }), button), code);

  async function copy(value) {
    try {
      await navigator.clipboard.writeText(value);
      return true;
    } catch {
      // Plain HTTP from another machine has no clipboard: leave the text selected for the reader's own keys.
      getSelection().selectAllChildren(code);
      return false;
    }
  }
}
