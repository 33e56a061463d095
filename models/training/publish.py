"""Measure both demo models on held-out pictures and write their model.json: python -m models.training.publish."""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from bench.accuracy import MODELS, classifier_accuracy, detector_average
from models.training.samples import CLASSIFIER_SIZE, DETECTOR_SIZE, PAD
from models.training.shapes import LABELS


def _input(size: int, resize: str) -> dict[str, Any]:
    square = {"width": size, "height": size, "resize": resize, "pad": PAD}
    return square | {"channels": "rgb", "scale": 1 / 255, "mean": [0, 0, 0], "std": [1, 1, 1]}


def _write(folder: Path, own: dict[str, Any]) -> None:
    digest = hashlib.sha256((folder / "weights.onnx").read_bytes()).hexdigest()
    common = {
        "labels": list(LABELS),
        "files": {"weights.onnx": digest},
        "hardware": ["cpu", "gpu", "jetson"],
        "licence": "Apache-2.0",
    }
    text = json.dumps({"id": folder.name, **own, **common}, indent=2)
    (folder / "model.json").write_text(text + "\n")
    print(f"{folder.name}: {own['metrics']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000)
    pictures: int = parser.parse_args().pictures
    detector = {
        "task": "object-detection",
        "family": "yolov8",
        "input": _input(DETECTOR_SIZE, "letterbox"),
        "thresholds": {"confidence": 0.4, "iou": 0.3, "max_detections": 300},
        "aliases": ["shapes/1"],
        "description": "Finds six drawn shapes on busy backgrounds. Trained by the project on pictures that it draws.",
        "metrics": {"map50": round(detector_average(pictures).mean, 4), "held_out_pictures": pictures},
    }
    classifier = {
        "task": "classification",
        "family": "classification",
        "input": _input(CLASSIFIER_SIZE, "stretch"),
        "thresholds": {"confidence": 0.4},
        "multi_label": False,
        "activation": "none",  # the graph ends in a softmax
        "aliases": ["shapes-classifier/1"],
        "description": "Names the one drawn shape in a close-up. Trained by the project on pictures that it draws.",
        "metrics": {"accuracy": round(classifier_accuracy(pictures), 4), "held_out_pictures": pictures},
    }
    _write(MODELS / "shapes-detector", detector)
    _write(MODELS / "shapes-classifier", classifier)


if __name__ == "__main__":
    main()
