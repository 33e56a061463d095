"""Scores of a model on a labelled folder, by the ``supervision`` library.

Classification: one folder of pictures per class; the score is the share whose most likely class is right. Detection:
a COCO file (``_annotations.coco.json``) beside the pictures, or ``data.yaml`` with ``images/`` and ``labels/`` as YOLO
has them; the score is mAP at IoU 0.50 to 0.95.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import InvalidRequest
from worker_service.engine.engine import Engine

COCO = "_annotations.coco.json"
LEAST = 0.001
"""Confidence from which boxes count: mAP wants the whole curve."""


class Labelled:
    """A labelled folder for one task. Raises InvalidRequest when it has no layout that we read."""

    def __init__(self, folder: Path, task: str) -> None:
        if task == "classification":
            self.metric = "top-1 accuracy"
            self._data, self._score = _classes(folder), self._top1
        elif task == "object-detection":
            self.metric = "mAP50-95"
            self._data, self._score = _boxes(folder), self._map
        else:
            raise InvalidRequest(f"Accuracy of {task} is not measured; leave --labelled out.")

    def __len__(self) -> int:
        return len(self._data)

    def score(self, engine: Engine, model_id: str) -> float:
        """The metric, 0..1. Raises what inference raises, InvalidRequest when classes do not fit the model's."""
        labels = engine.repository.find(model_id).manifest.labels
        if unknown := [name for name in self._data.classes if name not in labels]:
            raise InvalidRequest(f"{model_id} has no class {unknown[0]!r}, which the labelled folder names.")
        return self._score(engine, model_id, [labels.index(name) for name in self._data.classes])

    def _top1(self, engine: Engine, model_id: str, places: list[int]) -> float:
        right = 0
        for path, _, truth in self._data:
            body = _answer(engine, model_id, path, {"confidence": 0.0})
            best = max(body["predictions"], key=lambda one: one["confidence"])
            right += best["class_id"] == places[int(truth.class_id[0])]
        return right / len(self)

    def _map(self, engine: Engine, model_id: str, places: list[int]) -> float:
        import supervision as sv  # noqa: PLC0415 - heavy
        from supervision.metrics import MeanAveragePrecision  # noqa: PLC0415

        metric = MeanAveragePrecision()
        for path, _, truth in self._data:
            body = _answer(engine, model_id, path, {"confidence": LEAST})
            found = sv.Detections.from_inference(body)
            metric.update(found, sv.Detections(truth.xyxy, class_id=np.array(places)[truth.class_id]))
        return float(max(metric.compute().map50_95, 0.0))  # -1 when there is nothing to find


def _answer(engine: Engine, model_id: str, path: str, params: dict[str, Any]) -> dict[str, Any]:
    (answer,) = engine.infer(model_id, [Path(path).read_bytes()], params)
    if isinstance(answer, Exception):
        raise answer
    return answer.to_dict()


def _classes(folder: Path) -> Any:
    import supervision as sv  # noqa: PLC0415 - heavy

    if not any(path.is_dir() for path in _inside(folder)):
        raise InvalidRequest(f"{folder} has no folder per class.")
    return sv.ClassificationDataset.from_folder_structure(str(folder))


def _boxes(folder: Path) -> Any:
    import supervision as sv  # noqa: PLC0415 - heavy

    if (folder / COCO).is_file():
        return sv.DetectionDataset.from_coco(str(folder), str(folder / COCO))
    if (folder / "data.yaml").is_file():
        places = str(folder / "images"), str(folder / "labels")
        return sv.DetectionDataset.from_yolo(*places, str(folder / "data.yaml"))
    raise InvalidRequest(f"{folder} has neither {COCO} nor data.yaml with images/ and labels/.")


def _inside(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise InvalidRequest(f"There is no folder {folder}.")
    return folder.iterdir()
