// Puts the page together.

import { listModels } from "./api.js";
import { startFleet } from "./fleet/panel.js";
import { startPolling } from "./fleet/poll.js";
import { startRunner } from "./runner.js";
import { createStore } from "./store.js";
import { startClasses } from "./views/classes.js";
import { drawCode } from "./views/code.js";
import { startExamples } from "./views/examples.js";
import { startIntake } from "./views/intake.js";
import { drawJson } from "./views/json.js";
import { startKey } from "./views/key.js";
import { startMarks } from "./views/marks.js";
import { startModels } from "./views/models.js";
import { startNotice } from "./views/notice.js";
import { startQuestion } from "./views/question.js";
import { startResults } from "./views/results.js";
import { startStage } from "./views/stage.js";
import { startTabs } from "./views/tabs.js";
import { startTheme } from "./views/theme.js";
import { initialParams, startThresholds } from "./views/thresholds.js";
import { startTimings } from "./views/timings.js";
import { startWords } from "./views/words.js";

const store = createStore({
  models: [],
  model: null, // the chosen one
  modelId: null, // of the chosen one: `model` itself also changes when a poll brings news of it
  params: {},
  classes: [], // class filter; empty means all
  marks: [], // points {x, y, on} and boxes {x, y, width, height} that were set on the picture, in its pixels
  words: "", // what to find, for tasks that are told in words
  picture: null, // {name, url, base64, width, height}
  run: { state: "idle" },
  lit: null, // index of the prediction that is pointed at
  fleet: null,
  fleetError: null,
});

// A model that is chosen brings its own thresholds.
store.on(["model"], ({ model, modelId }) => {
  if (modelId === model.id) return;
  store.set({ params: initialParams(model), classes: [], marks: [], lit: null });
  store.set({ modelId: model.id });
});

function takeModels(models) {
  const chosen = store.get().model;
  const model = models.find(({ id }) => id === chosen?.id) ?? chosen ?? firstChoice(models);
  const news = JSON.stringify(model) !== JSON.stringify(chosen);
  store.set(news ? { models, model } : { models });
}

// Boxes show at a glance what this is about.
function firstChoice(models) {
  return models.find(({ task }) => task === "object-detection") ?? models[0] ?? null;
}

startTheme();
startKey();
startModels(store);
startThresholds(store);
startQuestion(store);
startClasses(store);
startWords(store);
startMarks(store);
startStage(store);
startResults(store);
startTimings(store);
startFleet(store);
const runner = startRunner(store);
startNotice(store, runner.again);
startExamples(startIntake(store));

// JSON and code are built when they are looked at.
const hiddenPanels = { "panel-json": drawJson, "panel-code": drawCode };
let openPanel = "panel-list";
startTabs(document.querySelector("[role=tablist]"), (id) => {
  openPanel = id;
  hiddenPanels[id]?.(store.get());
});
store.on(["run", "modelId", "params", "classes", "marks", "words", "picture"], (state) => {
  if (state.run.state !== "running") hiddenPanels[openPanel]?.(state);
});

listModels().then(takeModels, (error) => store.set({ run: { state: "failed", error } }));
store.on(["fleet"], ({ fleet }) => takeModels(fleet.models));
startPolling(store);
