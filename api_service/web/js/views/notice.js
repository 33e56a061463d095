// What went wrong, in words, with the way on.

import { byId, el } from "../dom.js";

/** @param {() => void} again runs the request once more */
export function startNotice(store, again) {
  const place = byId("notice");
  store.on(["run"], ({ run }) => {
    if (run.state === "running") return;
    place.replaceChildren(...(run.state === "failed" ? [notice(run.error, again, () => place.replaceChildren())] : []));
    place.firstElementChild?.scrollIntoView({ block: "nearest" });
  });
}

function notice(error, again, close) {
  const facts = [error.status || "", error.code, error.requestId && `request ${error.requestId}`].filter(Boolean);
  return el(
    "div",
    { class: "notice" },
    el("div", {}, el("p", { class: "notice-text", text: error.message }), el("p", { class: "quiet", text: facts.join(" · ") })),
    error.retryable ? el("button", { class: "button", type: "button", text: "Try again", on: { click: again } }) : null,
    el("button", { class: "text-button", type: "button", text: "Dismiss", on: { click: close } }),
  );
}
