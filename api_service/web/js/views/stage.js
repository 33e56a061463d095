// The picture and what is drawn over it.

import { byId } from "../dom.js";
import { taskOf } from "../tasks/index.js";

export function startStage(store) {
  const picture = byId("picture");
  const image = byId("image");
  const overlay = byId("overlay");
  const light = (index) => store.set({ lit: index });

  function showPicture({ picture: chosen }) {
    byId("invite").hidden = true;
    for (const id of ["choose", "labels-switch"]) byId(id).hidden = false;
    picture.hidden = false;
    image.src = chosen.url;
    image.alt = chosen.name;
    picture.style.setProperty("--ratio", chosen.width / chosen.height);
    byId("file-name").textContent = `${chosen.name} · ${chosen.width} × ${chosen.height}`;
    overlay.replaceChildren();
    byId("verdict").hidden = true;
  }

  function draw() {
    const { run, picture: chosen } = store.get();
    if (run.state === "running") return;
    overlay.replaceChildren();
    const done = run.state === "done" && run.picture === chosen;
    const task = done ? taskOf(run.model.task) : null;
    if (done) {
      const { clientWidth: width, clientHeight: height } = image;
      overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
      overlay.setAttribute("aria-label", task.summary(run.body));
      task.draw(overlay, run.body, { scale: width / chosen.width, width, height, light });
    }
    const verdict = done ? task.verdict(run.body) : "";
    byId("verdict").textContent = verdict;
    byId("verdict").hidden = verdict === "";
  }

  store.on(["picture"], showPicture);
  store.on(["run"], draw);
  store.on(["run"], ({ run }) => {
    byId("progress").hidden = run.state !== "running";
    byId("stage").setAttribute("aria-busy", String(run.state === "running"));
  });
  store.on(["lit"], ({ lit }) => markLit(overlay, lit));
  new ResizeObserver(draw).observe(image);
  byId("show-labels").addEventListener("change", (event) => overlay.classList.toggle("bare", !event.target.checked));
}

/** Marks the counterpart of what is pointed at, among the children that carry data-index. */
export function markLit(parent, lit) {
  parent.classList.toggle("some-lit", lit !== null);
  for (const node of parent.querySelectorAll("[data-index]")) {
    node.classList.toggle("lit", Number(node.dataset.index) === lit);
  }
}
