// A class keeps its colour: the place of its label in the model decides.

const PALETTE = [
  "#38bdf8", "#fb923c", "#4ade80", "#f472b6", "#a78bfa", "#facc15",
  "#2dd4bf", "#f87171", "#818cf8", "#a3e635", "#e879f9", "#fbbf24",
];
// Beyond the palette the golden angle keeps neighbouring classes apart.
const GOLDEN_ANGLE = 137.508;

/** The colour of a class; light enough for dark text on it. */
export function colourOf(classId) {
  const index = Number.isInteger(classId) && classId >= 0 ? classId : 0;
  if (index < PALETTE.length) return PALETTE[index];
  return `hsl(${((index * GOLDEN_ANGLE) % 360).toFixed(0)} 80% 68%)`;
}
