// Which task is shown how. A new task is one file here and one line below.

import { classification } from "./classification.js";
import { depth } from "./depth.js";
import { detection } from "./detection.js";
import { embedding } from "./embedding.js";
import { prompted } from "./prompted.js";
import { gaze } from "./gaze.js";
import { keypoints } from "./keypoints.js";
import { openVocabulary } from "./openvocab.js";
import { plain } from "./plain.js";
import { reading } from "./reading.js";
import { writing } from "./writing.js";

const TASKS = new Map([detection, classification, depth, embedding, gaze, keypoints, openVocabulary, prompted, reading, writing].map((task) => [task.name, task]));

/**
 * The task's presentation: {name, title, route, sliders, filtersClasses, summary, list, draw, verdict}.
 * Tasks that are told more than a picture have `marks` ("points" or "boxes" to set on it) or `words` (what they are for),
 * `asked` to add that to the request, and `wants`, which says what is missing until there is enough.
 * Tasks with `more` ask further routes after the first; what it returns is `more` of the run that `list` gets.
 * Tasks with `tells` show their text while it is written.
 * A task without its own file still runs: its answer is shown as JSON.
 */
export function taskOf(name) {
  return TASKS.get(name) ?? plain(name);
}
