// Where labels go so that they cover neither each other nor leave the picture.

/**
 * @param {{x: number, y: number, width: number, height: number}[]} boxes
 * @param {number[]} widths of the labels
 * @param {number} height of every label
 * @param {{width: number, height: number}} frame
 * @returns {{x: number, y: number, width: number, free: boolean}[]} `free` is false where no place was left
 */
export function placeLabels(boxes, widths, height, frame) {
  const taken = [];
  return boxes.map((box, index) => {
    const width = widths[index];
    const spots = candidates(box, width, height).map((spot) => inside({ ...spot, width, height }, frame));
    const spot = spots.find((place) => !taken.some((other) => overlap(place, other)));
    if (spot) taken.push(spot);
    return { ...(spot ?? spots[0]), free: Boolean(spot) };
  });
}

function candidates(box, width, height) {
  const right = box.x + box.width - width;
  const below = box.y + box.height;
  return [
    { x: box.x, y: box.y - height - 2 },
    { x: box.x, y: box.y + 2 },
    { x: right, y: box.y - height - 2 },
    { x: box.x, y: below + 2 },
    { x: right, y: below - height - 2 },
  ];
}

function inside(place, frame) {
  return {
    ...place,
    x: Math.max(0, Math.min(place.x, frame.width - place.width)),
    y: Math.max(0, Math.min(place.y, frame.height - place.height)),
  };
}

function overlap(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
