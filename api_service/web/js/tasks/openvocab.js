// Detection of what people say: words beside the picture, or, for models that can, a box around an example on it.

import { phrases } from "../views/words.js";
import { detection } from "./detection.js";

const byExamples = ({ model, marks }) => model.family === "owlv2" && marks.length > 0;

export const openVocabulary = {
  ...detection,
  name: "open-vocabulary-detection",
  title: "Find what you say",
  route: (state) => (byExamples(state) ? "owlv2/infer" : "yolo_world/infer"),
  sliders: [
    { name: "confidence", label: "Confidence", hint: "Hide what the model is less sure of", min: 0, max: 1, step: 0.01, initial: 0.3 },
    { name: "iou_threshold", key: "iou", label: "Overlap (IoU)", hint: "Merge boxes that overlap more than this", min: 0, max: 1, step: 0.01, initial: 0.3 },
  ],
  filtersClasses: false,
  words: "What to find",
  marks: "boxes",
  wants: (state) => (byExamples(state) || phrases(state.words).length > 0 ? "" : "Say what to find."),
  asked,
};

function asked(state) {
  if (!byExamples(state)) return { text: phrases(state.words) };
  const [cls = "example"] = phrases(state.words);
  const boxes = state.marks.map(({ x, y, width: w, height: h }) => ({ x, y, w, h, cls }));
  return { training_data: [{ image: { type: "base64", value: state.picture.base64 }, boxes }] };
}
