// How to do the same from a program.

import { byId, el } from "../dom.js";
import { curl, pythonClient, pythonRequests } from "../snippets.js";
import { copyBlock } from "./copy.js";

export function drawCode(state) {
  const panel = byId("panel-code");
  if (!state.model) {
    panel.replaceChildren(el("p", { class: "quiet empty", text: "Choose a model first." }));
    return;
  }
  panel.replaceChildren(
    copyBlock("curl", curl(state)),
    copyBlock("Python, visionfleet", pythonClient(state)),
    copyBlock("Python, requests", pythonRequests(state)),
  );
}
