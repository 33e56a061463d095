// Points and boxes that people set on the picture, for tasks that are told by them.
//
// A click is a point on the object, with Shift one off it; dragging draws a box. From the keyboard: the picture takes the
// focus, arrows move a cross, Enter sets a point there and Shift+Enter one off the object.

import { byId, el, svg } from "../dom.js";
import { taskOf } from "../tasks/index.js";

const DRAG_PX = 6;
const STEP = 0.02;
const HINTS = {
  points: "Click on the object; Shift-click on what is not part of it; drag a box around it. Keyboard: arrows and Enter.",
  boxes: "Drag a box around an example.",
};

export function startMarks(store) {
  const picture = byId("picture");
  const layer = svg("svg", { class: "marks-layer", "aria-hidden": "true" });
  picture.append(layer);
  let kind = null;
  let from = null; // where the pointer went down, as shares of the picture
  let cross = null; // the keyboard's place

  const place = (event) => {
    const { left, top, width, height } = picture.getBoundingClientRect();
    return { x: clamp((event.clientX - left) / width), y: clamp((event.clientY - top) / height) };
  };

  function add(mark) {
    const { marks, picture: chosen } = store.get();
    const scaled = Object.fromEntries(
      Object.entries(mark).map(([name, value]) => {
        if (name === "on") return [name, value];
        return [name, Math.round(value * (name === "x" || name === "width" ? chosen.width : chosen.height) * 10) / 10];
      }),
    );
    const others = scaled.width === undefined || kind === "boxes" ? marks : marks.filter(({ width }) => width === undefined);
    store.set({ marks: [...others, scaled] });
  }

  function paint(extra = null) {
    const { marks, picture: chosen } = store.get();
    layer.replaceChildren();
    if (!kind || !chosen) return;
    layer.setAttribute("viewBox", `0 0 ${chosen.width} ${chosen.height}`);
    const size = Math.max(chosen.width, chosen.height) / 90;
    for (const mark of extra ? [...marks, extra] : marks) layer.append(shapeOf(mark, size));
    if (cross) layer.append(svg("path", { class: "mark-cross", d: crossAt(cross, chosen, 2 * size) }));
    byId("marks-list").replaceChildren(...marks.map((mark) => el("li", { text: wordsFor(mark) })));
  }

  picture.addEventListener("pointerdown", (event) => {
    if (!kind || event.button !== 0 || !store.get().picture) return;
    from = place(event);
    picture.setPointerCapture(event.pointerId);
    event.preventDefault();
    picture.focus({ preventScroll: true });
  });
  picture.addEventListener("pointermove", (event) => {
    if (from && far(from, place(event))) paint(inPixels(boxBetween(from, place(event)), store.get().picture));
  });
  picture.addEventListener("pointerup", (event) => {
    if (!from) return;
    const to = place(event);
    const begun = from;
    from = null;
    if (far(begun, to)) add(boxBetween(begun, to));
    else if (kind === "points") add({ ...to, on: !event.shiftKey });
    else paint();
  });
  picture.addEventListener("pointercancel", () => {
    from = null;
    paint();
  });
  picture.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (kind !== "points" || !(event.key in moves || event.key === "Enter")) return;
    event.preventDefault();
    cross ??= { x: 0.5, y: 0.5 };
    if (event.key === "Enter") add({ ...cross, on: !event.shiftKey });
    else {
      const [across, down] = moves[event.key];
      cross = { x: clamp(cross.x + across * STEP), y: clamp(cross.y + down * STEP) };
    }
    paint();
  });

  function far(one, other) {
    const { width, height } = picture.getBoundingClientRect();
    return Math.hypot((one.x - other.x) * width, (one.y - other.y) * height) > DRAG_PX;
  }

  byId("clear-marks").addEventListener("click", () => store.set({ marks: [] }));
  store.on(["picture"], () => store.set({ marks: [] }));
  store.on(["marks", "picture"], () => paint());
  store.on(["modelId"], ({ model }) => {
    kind = taskOf(model.task).marks ?? null;
    if (kind === "boxes" && model.family !== "owlv2") kind = null; // the others are told in words only
    cross = null;
    byId("marks-card").hidden = !kind;
    byId("marks-hint").textContent = HINTS[kind] ?? "";
    picture.classList.toggle("marked", Boolean(kind));
    if (kind) picture.setAttribute("tabindex", "0");
    else picture.removeAttribute("tabindex");
    paint();
  });
}

function clamp(share) {
  return Math.min(1, Math.max(0, share));
}

// By their centres, as requests have them.
function boxBetween(one, other) {
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2, width: Math.abs(one.x - other.x), height: Math.abs(one.y - other.y) };
}

function inPixels({ x, y, width, height }, picture) {
  return { x: x * picture.width, y: y * picture.height, width: width * picture.width, height: height * picture.height };
}

function shapeOf(mark, size) {
  if (mark.width === undefined) return svg("circle", { class: mark.on ? "mark-point" : "mark-point off", cx: mark.x, cy: mark.y, r: size });
  const corner = { x: mark.x - mark.width / 2, y: mark.y - mark.height / 2 };
  return svg("rect", { class: "mark-box", ...corner, width: mark.width, height: mark.height });
}

function crossAt({ x, y }, { width, height }, size) {
  return `M${x * width - size} ${y * height}h${2 * size}M${x * width} ${y * height - size}v${2 * size}`;
}

function wordsFor(mark) {
  const at = `${Math.round(mark.x)}, ${Math.round(mark.y)}`;
  if (mark.width !== undefined) return `Box at ${at}, ${Math.round(mark.width)} × ${Math.round(mark.height)}`;
  return mark.on ? `On the object: ${at}` : `Off the object: ${at}`;
}
