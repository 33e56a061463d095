// Pictures come in by drop, paste, file chooser or example.

import { byId } from "../dom.js";

export function startIntake(store) {
  const file = byId("file");
  const take = async (blob, name) => {
    const refusal = await open(store, blob, name);
    if (refusal) store.set({ run: { state: "failed", error: new Error(refusal) } });
  };
  for (const id of ["choose", "choose-first"]) byId(id).addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files.length > 0) take(file.files[0], file.files[0].name);
    file.value = "";
  });
  document.addEventListener("paste", (event) => {
    const [pasted] = event.clipboardData?.files ?? [];
    if (pasted) take(pasted, pasted.name);
  });
  watchDrops(take);
  return take;
}

function watchDrops(take) {
  const stage = byId("stage");
  let depth = 0;
  const hint = (change) => {
    depth = Math.max(0, depth + change);
    stage.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", () => hint(1));
  addEventListener("dragleave", () => hint(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    hint(0);
    const [dropped] = event.dataTransfer?.files ?? [];
    if (dropped) take(dropped, dropped.name);
  });
}

/** Puts the picture into the store; the text to show when it is none. */
async function open(store, blob, name) {
  const url = URL.createObjectURL(blob);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(url);
    return `${name} is not a picture that this browser can show.`;
  }
  const old = store.get().picture;
  const base64 = await toBase64(blob);
  store.set({ picture: { name, url, base64, width: image.naturalWidth, height: image.naturalHeight } });
  if (old) URL.revokeObjectURL(old.url);
  return "";
}

function toBase64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
