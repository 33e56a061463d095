"""What every peer runs for a picture, in numpy, OpenCV and onnxruntime alone: their environments have no Visionfleet.

One JSON body for all, the one that Roboflow's SDK sends; the answer has Roboflow's predictions.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort


class Network:
    """A folder of ``bench.networks`` as a detector or a classifier, with ``threads`` threads per run."""

    def __init__(self, folder: Path, threads: int) -> None:
        own = json.loads((folder / "model.json").read_text())
        self.labels: list[str] = own["labels"]
        self.size: int = own["input"]["width"]
        self.detects = own["task"] == "object-detection"
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(folder / "weights.onnx", options, providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name

    def picture(self, encoded: str) -> Any:
        """uint8 BGR [H, W, 3] of a base64 JPEG."""
        return cv2.imdecode(np.frombuffer(base64.b64decode(encoded), np.uint8), cv2.IMREAD_COLOR)

    def answer(self, picture: Any) -> dict[str, Any]:
        """Predictions for one picture."""
        height, width = picture.shape[:2]
        found = self._boxes(picture) if self.detects else self._classes(picture)
        return {"image": {"width": width, "height": height}, "predictions": found}

    def _run(self, picture: Any) -> Any:
        tensor = cv2.dnn.blobFromImage(picture, 1 / 255, swapRB=True)
        return self.session.run(None, {self.name: tensor})[0][0]

    def _classes(self, picture: Any) -> list[dict[str, Any]]:
        scores = self._run(cv2.resize(picture, (self.size, self.size)))
        order = np.argsort(-scores)
        return [{"class": self.labels[i], "class_id": int(i), "confidence": float(scores[i])} for i in order]

    def _boxes(self, picture: Any) -> list[dict[str, Any]]:
        height, width = picture.shape[:2]
        scale = self.size / max(height, width)
        small = cv2.resize(picture, (round(width * scale), round(height * scale)))
        square = np.full((self.size, self.size, 3), 114, np.uint8)
        top, left = (self.size - small.shape[0]) // 2, (self.size - small.shape[1]) // 2
        square[top : top + small.shape[0], left : left + small.shape[1]] = small
        rows = self._run(square).T
        best = rows[:, 4:].max(1)
        rows, scores = rows[best > 0.4], best[best > 0.4]
        classes = rows[:, 4:].argmax(1)
        sides = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, 2:4]], 1)
        kept = cv2.dnn.NMSBoxesBatched(sides.tolist(), scores.tolist(), classes.tolist(), 0.4, 0.3)
        return [
            {
                "x": (float(rows[i, 0]) - left) / scale,
                "y": (float(rows[i, 1]) - top) / scale,
                "width": float(rows[i, 2]) / scale,
                "height": float(rows[i, 3]) / scale,
                "confidence": float(scores[i]),
                "class": self.labels[classes[i]],
                "class_id": int(classes[i]),
            }
            for i in kept
        ]
