"""Write weights.onnx (with the metadata of an Ultralytics export) and check it against torch."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from models.training.net import Classifier, ClassifierGraph, Detector, DetectorGraph
from models.training.samples import CLASSIFIER_SIZE, DETECTOR_SIZE
from models.training.shapes import LABELS


def export_detector(model: Detector, folder: Path) -> None:
    """Write the detector's graph to `folder`/weights.onnx."""
    _export(DetectorGraph(model), folder, DETECTOR_SIZE, "detect", "32")


def export_classifier(model: Classifier, folder: Path) -> None:
    """Write the classifier's graph to `folder`/weights.onnx."""
    _export(ClassifierGraph(model), folder, CLASSIFIER_SIZE, "classify", "1")


def _export(graph: nn.Module, folder: Path, size: int, task: str, stride: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "weights.onnx"
    graph = graph.eval().to(memory_format=torch.contiguous_format)
    torch.onnx.export(
        graph,
        (torch.zeros(2, 3, size, size),),
        str(path),
        dynamo=False,
        opset_version=17,
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}},
    )
    model = onnx.load(path)
    onnx.helper.set_model_props(
        model,
        {
            "description": "Visionfleet demo model, drawn shapes",
            "author": "Visionfleet",
            "license": "Apache-2.0",
            "task": task,
            "stride": stride,
            "imgsz": str([size, size]),
            "names": str(dict(enumerate(LABELS))),
            "batch": "1",
        },
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
    difference = _difference(graph, path, size)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, differs from torch by at most {difference:.1e}")


def _difference(graph: nn.Module, path: Path, size: int) -> float:
    """Largest difference between torch and onnxruntime, relative to the largest output."""
    images = np.random.default_rng(0).random((3, 3, size, size), dtype=np.float32)
    with torch.no_grad():
        expected = graph(torch.from_numpy(images)).numpy()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {"images": images})[0]
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    if difference > 1e-4:
        raise SystemExit(f"{path} does not compute what torch computes: relative difference {difference:.1e}")
    return difference
