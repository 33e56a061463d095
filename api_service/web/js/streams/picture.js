// The live picture of one tile: the newest frame again and again, while somebody can see it.

import { snapshot } from "./api.js";

const EVERY_MS = 150;
const AGAIN_MS = 1500;
const OLD_MS = 4000;

/** Keeps `image` up to date until `stop` is called; `hint` says why there is none. */
export function livePicture(image, hint, id, source) {
  const abort = new AbortController();
  let seen = false;
  let shown = 0;
  let wanted = "Waiting for the first picture";

  const watcher = new IntersectionObserver((entries) => {
    seen = entries.at(-1).isIntersecting;
  });
  watcher.observe(image.parentElement);

  async function look() {
    let pause = AGAIN_MS;
    if (seen && !document.hidden) {
      try {
        await show(await snapshot(id, source, abort.signal));
        pause = EVERY_MS;
      } catch {
        // What is wrong with the source stands in the tile.
      }
    } else {
      pause = EVERY_MS * 2;
    }
    if (abort.signal.aborted) return;
    const old = performance.now() - shown > OLD_MS;
    image.classList.toggle("old", old);
    hint.hidden = shown > 0 && !old;
    hint.textContent = wanted;
    setTimeout(look, pause);
  }

  async function show(blob) {
    const before = image.src;
    image.src = URL.createObjectURL(blob);
    await image.decode();
    image.hidden = false;
    shown = performance.now();
    if (before) URL.revokeObjectURL(before);
  }

  look();
  return {
    say: (words) => {
      wanted = words;
    },
    stop: () => {
      abort.abort();
      watcher.disconnect();
      URL.revokeObjectURL(image.src);
    },
  };
}
