// Looks at the fleet while somebody looks at the page.

import { readFleet } from "../api.js";

const EVERY_MS = 1500;

/** Writes `fleet` (the last snapshot) and `fleetError` (null, or why the last look failed). */
export function startPolling(store) {
  let timer = 0;
  let abort = null;

  async function look() {
    abort = new AbortController();
    const { signal } = abort;
    try {
      const fleet = await readFleet(signal);
      if (!signal.aborted) store.set({ fleet, fleetError: null });
    } catch (error) {
      if (!signal.aborted) store.set({ fleetError: error });
    }
    if (!signal.aborted) timer = setTimeout(look, EVERY_MS);
  }

  function follow() {
    clearTimeout(timer);
    abort?.abort();
    if (!document.hidden) look();
  }

  document.addEventListener("visibilitychange", follow);
  follow();
}
