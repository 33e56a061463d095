// The fleet section and the pill at the top of the page.

import { byId } from "../dom.js";
import { plural, rate } from "../format.js";
import { queueTable } from "./queues.js";
import { workerList } from "./workers.js";

export function startFleet(store) {
  const drawWorkers = workerList(byId("workers"));
  const drawQueues = queueTable(byId("queues"));

  store.on(["fleet"], ({ fleet }) => {
    drawWorkers(fleet.workers, fleet.models);
    drawQueues(fleet.queues);
    const waiting = fleet.queues.reduce((sum, queue) => sum + queue.waiting, 0);
    const running = fleet.queues.reduce((sum, queue) => sum + queue.running, 0);
    byId("queues-state").textContent = `${plural(waiting, "job")} waiting, ${running.toLocaleString("en")} running`;
  });
  store.on(["fleet", "fleetError"], status);
}

function status({ fleet, fleetError }) {
  const dot = byId("status").querySelector(".dot");
  if (fleetError) {
    dot.className = "dot bad";
    byId("status-text").textContent = "Not answering";
    byId("fleet-state").textContent = fleetError.message;
    return;
  }
  const ready = fleet.workers.filter(({ state }) => state === "ready").length;
  const perSecond = fleet.workers.reduce((sum, worker) => sum + worker.rate, 0);
  dot.className = ready > 0 ? "dot good" : "dot wait";
  byId("status-text").textContent = ready > 0 ? `${plural(ready, "worker")} ready` : "No worker ready";
  byId("fleet-state").textContent = `${plural(fleet.workers.length, "worker")}, ${plural(fleet.models.length, "model")}, ${rate(perSecond)} images/s`;
}
