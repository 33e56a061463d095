// One observable state for the page.

/**
 * @param {object} initial
 * @returns {{get: () => object, set: (patch: object) => void, on: (keys: string[], listener: Function) => void}}
 *   `on` calls the listener after any of the keys has been given another value.
 */
export function createStore(initial) {
  const state = { ...initial };
  const listeners = [];
  return {
    get: () => state,
    set(patch) {
      const changed = Object.keys(patch).filter((key) => patch[key] !== state[key]);
      Object.assign(state, patch);
      for (const { keys, listener } of listeners) {
        if (keys.some((key) => changed.includes(key))) listener(state);
      }
    },
    on(keys, listener) {
      listeners.push({ keys, listener });
    },
  };
}
