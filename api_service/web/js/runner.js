// Runs the model again whenever the picture, the model or a setting changes; only the latest run counts.

import { infer } from "./api.js";
import { taskOf } from "./tasks/index.js";

// Long enough to skip the steps of a slider in motion, short enough to feel live.
const SETTLE_MS = 140;

/** Watches the store and writes `run`: {state: "running" | "done" | "failed", ...}; `text` is what was written until now. */
export function startRunner(store) {
  let timer = 0;
  let abort = new AbortController();

  // What a model that writes has written so far.
  function told(signal) {
    if (!taskOf(store.get().model.task).tells) return undefined;
    let text = "";
    return (piece) => {
      text += piece;
      if (!signal.aborted) store.set({ run: { ...store.get().run, state: "running", text } });
    };
  }

  async function run() {
    abort.abort();
    const { picture, model } = store.get();
    if (!picture || !model) return;
    const hint = taskOf(model.task).wants?.(store.get());
    if (hint) {
      store.set({ run: { state: "waiting", hint } });
      return;
    }
    abort = new AbortController();
    const { signal } = abort;
    store.set({ run: { ...store.get().run, state: "running", text: "" } });
    try {
      const answer = await infer(routeOf(store.get()), requestOf(store.get()), signal, told(signal));
      const more = await taskOf(model.task).more?.(store.get(), (route, body) => infer(route, body, signal));
      if (!signal.aborted) store.set({ run: { state: "done", model, picture, ...answer, more } });
    } catch (error) {
      if (!signal.aborted) store.set({ run: { state: "failed", error } });
    }
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(run, SETTLE_MS);
  }

  store.on(["picture", "modelId", "params", "classes", "marks", "words"], soon);
  return { again: run };
}

/** The request's body for what the page shows now. */
export function requestOf(state, imageValue = state.picture?.base64) {
  const { model, params, classes } = state;
  return {
    model_id: model.id,
    image: { type: "base64", value: imageValue },
    ...params,
    ...(classes.length > 0 ? { class_filter: classes } : {}),
    ...(taskOf(model.task).asked?.(state) ?? {}),
  };
}

/** Where it goes: some tasks have several routes for what they are told. */
export function routeOf(state) {
  const { route } = taskOf(state.model.task);
  return typeof route === "function" ? route(state) : route;
}
