// The result panel: one line for everybody (and for screen readers), the task's own list below.

import { byId, el } from "../dom.js";
import { milliseconds } from "../format.js";
import { taskOf } from "../tasks/index.js";
import { markLit } from "./stage.js";

export function startResults(store) {
  const panel = byId("panel-list");
  const summary = byId("summary");
  const light = (index) => store.set({ lit: index });

  function draw({ run }) {
    if (run.state === "running") {
      if (run.text) panel.replaceChildren(el("pre", { class: "text", "aria-busy": "true", text: run.text }));
      return;
    }
    if (run.state !== "done") {
      const text = run.state === "failed" ? "No result" : (run.hint ?? "What the model sees appears here.");
      summary.replaceChildren(el("span", { class: "quiet", text }));
      panel.replaceChildren();
      return;
    }
    const task = taskOf(run.model.task);
    summary.replaceChildren(
      el("strong", { text: task.summary(run.body) }),
      el("span", { class: "quiet", text: ` in ${milliseconds(run.roundTrip)} by ${run.model.id}` }),
    );
    panel.replaceChildren(task.list(run.body, light, run));
  }

  store.on(["run"], draw);
  store.on(["lit"], ({ lit }) => markLit(panel, lit));
  draw(store.get());
}
