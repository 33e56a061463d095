// Which task is shown how. A new task is one file here and one line below.

import { classification } from "./classification.js";
import { depth } from "./depth.js";
import { detection } from "./detection.js";
import { embedding } from "./embedding.js";
import { plain } from "./plain.js";
import { reading } from "./reading.js";
import { writing } from "./writing.js";

const TASKS = new Map([detection, classification, depth, embedding, reading, writing].map((task) => [task.name, task]));

/**
 * The task's presentation: {name, title, route, sliders, filtersClasses, summary, list, draw, verdict}.
 * A task without its own file still runs: its answer is shown as JSON.
 */
export function taskOf(name) {
  return TASKS.get(name) ?? plain(name);
}
