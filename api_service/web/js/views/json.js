// The answer as the server sent it.

import { byId, el } from "../dom.js";
import { copyBlock } from "./copy.js";

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)/g;

export function drawJson({ run }) {
  const panel = byId("panel-json");
  if (run.state !== "done") {
    panel.replaceChildren(el("p", { class: "quiet empty", text: "The server's answer appears here." }));
    return;
  }
  const text = JSON.stringify(run.body, null, 2);
  panel.replaceChildren(copyBlock("Response", text, coloured(text)));
}

function coloured(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    nodes.push(text.slice(end, match.index));
    const [whole, string, colon = "", value] = match;
    nodes.push(el("span", { class: value ? "value" : colon ? "name" : "string", text: string ?? value }), colon);
    end = match.index + whole.length;
  }
  return [...nodes, text.slice(end)];
}
