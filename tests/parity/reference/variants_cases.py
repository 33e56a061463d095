"""YOLOv8 in half precision and quantised; Ultralytics runs the same graph, so that only what surrounds it differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16
from ultralytics import YOLO, __version__

from tests.parity import golden, pictures
from tests.parity.drawing import LABELS
from tests.parity.reference import record, scenes, ultralytics_cases

BASE = "yolov8"
CALIBRATION = 32  # pictures


class Pool(CalibrationDataReader):
    """The first training pictures."""

    def __init__(self) -> None:
        samples = scenes.pool(CALIBRATION, ultralytics_cases.SIZE)
        self._left = [{"images": scenes.pixels([sample]).numpy()} for sample in samples]

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture's input, None after the last."""
        return self._left.pop() if self._left else None


def run(cache: Path, only: str) -> Iterator[str]:
    """Convert the cached graph and record. Yields the names of the cases written."""
    for case, convert in (("yolov8-fp16", to_half), ("yolov8-int8", to_int8)):
        if only in (case, "all"):
            path = cache / f"{case}.onnx"
            convert(cache / f"{BASE}.onnx", path)
            record_case(case, path)
            yield case


def to_half(source: Path, target: Path) -> None:
    """Weights, input and output in float16."""
    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=False), target)


def to_int8(source: Path, target: Path) -> None:
    """Convolutions in int8 with quantise and dequantise nodes; the head's last steps, boxes and scores, stay float."""
    quantize_static(
        str(source), str(target), Pool(), quant_format=QuantFormat.QDQ, op_types_to_quantize=["Conv"], per_channel=True
    )


def record_case(case: str, path: Path) -> None:
    graph = record.Graph(path)
    manifest = {"task": "object-detection", "labels": list(LABELS), "input": ultralytics_cases.INPUT}
    reference = f"ultralytics {__version__}: YOLO({path.name!r}).predict"
    recorder = record.recorder(case, reference, graph, manifest, record.DETECTION)
    net = YOLO(str(path), task="detect")
    for picture in pictures.NAMES:
        tensor, answers = predict(net, picture)
        output = graph.run(tensor)[0]
        likely = output[4 : 4 + len(LABELS)].max(0) >= record.faintest(record.DETECTION)
        recorder.add(picture, tensor, [golden.cells(output, 0, likely, 0)], answers)
    recorder.save()


def predict(net: YOLO, picture: str) -> tuple[np.ndarray, list[golden.Arrays]]:
    """The reference's input tensor and its answers.

    It would go on in half precision after a half precision graph and move corners by up to a sixteenth of a pixel of
    the input, a pixel of a large picture. It gets the graph's output as float32 instead.
    """
    path = record.path_of(picture)
    quiet = {"device": "cpu", "verbose": False, "save": False, "imgsz": ultralytics_cases.SIZE}
    net.predict(path, **quiet)
    seen: list[np.ndarray] = []
    original = net.predictor.preprocess

    def look(images: Any) -> torch.Tensor:
        tensor = original(images)
        seen.append(tensor[0].numpy().copy())
        return tensor

    finish = net.predictor.postprocess
    net.predictor.preprocess = look
    net.predictor.postprocess = lambda output, *rest, **named: finish(_single(output), *rest, **named)
    answers = []
    for setting in record.DETECTION:
        agnostic = setting.get("class_agnostic_nms", False)
        options = {"conf": setting["confidence"], "iou": setting["iou_threshold"], "agnostic_nms": agnostic}
        (result,) = net.predict(path, **quiet, **options)
        answers.append(ultralytics_cases.answer(result, "detect"))
    net.predictor.preprocess, net.predictor.postprocess = original, finish
    return seen[0], answers


def _single(output: Any) -> Any:
    """The backend's output, a tensor or a list of them, in float32."""
    return [item.float() for item in output] if isinstance(output, list | tuple) else output.float()
