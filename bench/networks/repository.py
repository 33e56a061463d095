"""Write the benchmark networks as model folders."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from bench.networks import classifier, detector, noop
from models.training.samples import blob, letterbox
from models.training.scenes import scene

SEED = 1


@dataclass
class Written:
    """One model folder and what its network costs."""

    folder: Path
    gflops: float
    parameters: int


def pictures(count: int, size: int, first: int = 0) -> np.ndarray:
    """Drawn scenes as network input, float32 RGB [count,3,size,size] in 0..1."""
    drawn = [scene(np.random.default_rng([5, first + i]), 960, 640, strength=0.5).image for i in range(count)]
    return blob(np.stack([letterbox(image, size)[0] for image in drawn]))


def write_all(out: Path) -> list[Written]:
    """Write `bench-detector` and `bench-classifier` under `out`."""
    model, graph = detector.build(SEED, pictures(4, detector.SIZE))
    thresholds = {"confidence": 0.4, "iou": 0.3, "max_detections": 300}
    own = {"task": "object-detection", "family": "yolov8", "labels": detector.LABELS, "thresholds": thresholds}
    first = _write(out / "bench-detector", model, own | {"input": _input(detector.SIZE, "letterbox")})
    written = [Written(first, graph.gflops, graph.parameters)]
    model, graph = classifier.build(SEED, pictures(8, classifier.SIZE))
    own = {"task": "classification", "family": "classification", "labels": classifier.LABELS, "activation": "none"}
    second = _write(out / "bench-classifier", model, own | {"input": _input(classifier.SIZE, "stretch")})
    return [*written, Written(second, graph.gflops, graph.parameters)]


def write_noop(out: Path) -> Path:
    """Write `bench-noop` under `out`."""
    own = {"task": "classification", "family": "classification", "labels": noop.LABELS, "activation": "none"}
    return _write(out / "bench-noop", noop.build(), own | {"input": _input(noop.SIZE, "stretch")})


def halve(folder: Path, out: Path) -> Path:
    """Write the model of a folder again under `out`, in float16, inputs and outputs too."""
    made = convert_float_to_float16(onnx.load(folder / "weights.onnx"), keep_io_types=False)
    return _write(out / folder.name, made, json.loads((folder / "model.json").read_text()))


def _input(size: int, resize: str) -> dict[str, Any]:
    square = {"width": size, "height": size, "resize": resize, "pad": 114}
    return square | {"channels": "rgb", "scale": 1 / 255, "mean": [0, 0, 0], "std": [1, 1, 1]}


def _write(folder: Path, model: onnx.ModelProto, own: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    weights = model.SerializeToString()
    (folder / "weights.onnx").write_bytes(weights)
    digest = hashlib.sha256(weights).hexdigest()
    manifest = own | {"id": folder.name, "files": {"weights.onnx": digest}, "licence": "Apache-2.0"}
    manifest["description"] = "Random weights, for benchmarks only: the answers mean nothing."
    (folder / "model.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return folder
