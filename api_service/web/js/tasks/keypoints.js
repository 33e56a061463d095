// Keypoints: boxes as for detection, and the points of each object.

import { drawBoxes } from "../views/boxes.js";
import { drawPoints } from "../views/points.js";
import { detection } from "./detection.js";

export const keypoints = {
  ...detection,
  name: "keypoint-detection",
  title: "Keypoints",
  route: "infer/keypoints_detection",
  draw,
};

function draw(overlay, answer, view) {
  drawBoxes(overlay, answer, view);
  answer.predictions.forEach((item, index) => drawPoints(overlay, item.keypoints, item.class_id, index, view.scale));
}
