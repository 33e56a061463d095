// Rows of a table that light up their counterpart on the picture, by pointer or by arrow keys.

const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

/** One row is in the tab order at a time; `light(index or null)` is called as rows are entered and left. */
export function rovingRows(rows, light) {
  rows.forEach((row, index) => {
    row.tabIndex = index === 0 ? 0 : -1;
    row.addEventListener("pointerenter", () => light(index));
    row.addEventListener("pointerleave", () => light(null));
    row.addEventListener("focus", () => light(index));
    row.addEventListener("blur", () => light(null));
    row.addEventListener("keydown", (event) => {
      if (!(event.key in STEPS)) return;
      event.preventDefault();
      const target = Math.min(rows.length - 1, Math.max(0, index + STEPS[event.key]));
      row.tabIndex = -1;
      rows[target].tabIndex = 0;
      rows[target].focus();
    });
  });
}
