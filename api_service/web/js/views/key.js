// The question for an API key.

import { byId } from "../dom.js";
import { onKeyNeeded } from "../key.js";

export function startKey() {
  const dialog = byId("key-dialog");
  const field = byId("key-field");
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // without a key the page has nothing to show
  onKeyNeeded((wrong) => {
    byId("key-wrong").hidden = !wrong;
    field.value = "";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(field.value), { once: true });
    });
  });
}
