"""YOLO-NAS of super-gradients: raw outputs, and both forms that it exports with its own pre- and postprocessing.

The net has a quarter of the channels of the smallest released one and one block per stage. Images are fitted into all
but 4 pixels of the input, as for the released nets. super-gradients undoes that with the ratio before rounding, which
misplaces boxes by up to a pixel of the input; here it is told the rounded one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from tests.parity import golden, pictures
from tests.parity.drawing import LABELS
from tests.parity.reference import convert, record, scenes, super_gradients_stubs  # noqa: F401 - the stubs come first
from tests.parity.reference.fit import cached, fit

from super_gradients.conversion import DetectionOutputFormatMode  # isort: skip
from super_gradients.training.losses import PPYoloELoss  # isort: skip
from super_gradients.training.models.arch_params_factory import get_arch_params  # isort: skip
from super_gradients.training.models.detection_models.yolo_nas.yolo_nas_variants import YoloNAS  # isort: skip
from super_gradients.training.processing import processing  # isort: skip
from super_gradients.training.utils.predict import DetectionPrediction  # isort: skip

SIZE, STEPS, BATCH, BORDER = 160, 220, 6, 4
NARROW = 4
FORMS = {
    "yolo-nas": None,
    "yolo-nas-batch": DetectionOutputFormatMode.BATCH_FORMAT,
    "yolo-nas-flat": DetectionOutputFormatMode.FLAT_FORMAT,
}
INSIDE = {"confidence": 0.25, "iou_threshold": 0.5}  # thresholds of the graphs that suppress by themselves
INPUT = {"width": SIZE, "height": SIZE, "resize": "letterbox", "pad": 114, "border": BORDER, "channels": "rgb"}


def run(cache: Path, only: str) -> Iterator[str]:
    """Train what is not in the cache, export, record. Yields the names of the cases written."""
    torch.backends.mkldnn.enabled = False  # its backward pass crashes on so narrow a net
    torch.manual_seed(0)
    net = build()
    cached(net, cache / "yolo-nas.pt", partial(train, net))
    for case in FORMS:
        if only in (case, "all"):
            record_case(case, net, cache)
            yield case
    for kind in convert.KINDS:
        case = f"yolo-nas-{kind}"
        if only in (case, "all"):
            record_variant(case, net, convert.variant(cache, "yolo-nas", kind))
            yield case


def build() -> Any:
    """A narrow net of the package, with the released nets' processing."""
    net = YoloNAS(**{**_narrow(get_arch_params("yolo_nas_s_arch_params"), ""), "num_classes": len(LABELS)})
    net.set_dataset_processing_params(class_names=list(LABELS), image_processor=_processing(), conf=0.25, iou=0.7)
    return net


def _narrow(layout: Any, key: str) -> Any:
    """A layout with fewer channels and blocks."""
    if isinstance(layout, dict):
        return {name: _narrow(value, name) for name, value in layout.items()}
    if isinstance(layout, list) and key != "k":
        return [_narrow(value, key) for value in layout]
    if key == "num_blocks":
        return 1
    return layout // NARROW if key.endswith("_channels") and key != "in_channels" and layout > NARROW else layout


def _processing() -> Any:
    """The released nets' way, at our size."""

    class Rescale(processing.DetectionLongestMaxSizeRescale):
        """Undoes the rounded ratios."""

        def preprocess_image(self, image: np.ndarray) -> Any:
            resized, metadata = super().preprocess_image(image)
            metadata.scale_factor_h = resized.shape[0] / image.shape[0]
            metadata.scale_factor_w = resized.shape[1] / image.shape[1]
            return resized, metadata

    inner = SIZE - BORDER
    return processing.ComposeProcessing(
        [
            Rescale(output_shape=(inner, inner)),
            processing.DetectionCenterPadding(output_shape=(SIZE, SIZE), pad_value=114),
            processing.StandardizeImage(max_value=255.0),
            processing.ImagePermute(permutation=(2, 0, 1)),
        ]
    )


def train(net: Any) -> None:
    stream = scenes.batches(scenes.pool(400, SIZE), BATCH, seed=0)
    criterion = PPYoloELoss(num_classes=len(LABELS), use_static_assigner=False, reg_max=16)

    def loss(step: int) -> torch.Tensor:
        del step
        batch = next(stream)
        boxes = scenes.centre_boxes(batch) * SIZE
        truth = torch.cat([scenes.owners(batch)[:, None], scenes.class_ids(batch), boxes], 1).float()
        return criterion(net(scenes.pixels(batch)), truth)[0]

    fit(net, STEPS, 2e-3, loss)


def record_case(case: str, net: Any, cache: Path) -> None:
    graph = record.Graph(export(case, net, cache))
    raw = FORMS[case] is None
    manifest = {
        "task": "object-detection",
        "labels": list(LABELS),
        "input": {**INPUT, "scale": 1 / 255 if raw else 1.0},
    }
    settings = record.DETECTION if raw else [INSIDE]
    recorder = record.recorder(case, "super-gradients 3.7.1: YoloNAS.predict", graph, manifest, settings)
    for picture in pictures.NAMES:
        image = np.ascontiguousarray(cv2.imread(record.path_of(picture))[..., ::-1])
        tensor, _ = net.get_processing_params().preprocess_image(image)
        if not raw:
            tensor = np.round(tensor * 255).astype(np.uint8)
        recorder.add(picture, tensor, reduce(graph.run(tensor), raw), [answer(net, image, s) for s in settings])
    recorder.save()


def record_variant(case: str, net: Any, path: Path) -> None:
    """The raw graph converted, and the package's own steps around it; its outputs as float32."""
    graph = record.Graph(path)
    manifest = {"task": "object-detection", "labels": list(LABELS), "input": {**INPUT, "scale": 1 / 255}}
    recorder = record.recorder(
        case,
        "super-gradients 3.7.1: ComposeProcessing, PPYoloEPostPredictionCallback",
        graph,
        manifest,
        record.DETECTION,
    )
    steps = net.get_processing_params()
    for picture in pictures.NAMES:
        image = np.ascontiguousarray(cv2.imread(record.path_of(picture))[..., ::-1])
        tensor, metadata = steps.preprocess_image(image)
        tensor = tensor.astype(graph.inputs[0]["dtype"])
        raw = graph.run(tensor)
        outputs = tuple(torch.from_numpy(output[None].astype(np.float32)) for output in raw)
        answers = []
        for setting in record.DETECTION:
            suppress = net.get_post_prediction_callback(
                conf=setting["confidence"],
                iou=setting["iou_threshold"],
                nms_top_k=1024,
                max_predictions=300,
                multi_label_per_box=True,
                class_agnostic_nms=setting.get("class_agnostic_nms", False),
            )
            (rows,) = suppress(outputs)
            rows = rows.numpy()
            found = DetectionPrediction(rows[:, :4], "xyxy", rows[:, 4], rows[:, 5].astype(int), tensor.shape)
            answers.append(_arrays(steps.postprocess_predictions(found, metadata), image))
        recorder.add(picture, tensor, reduce(raw, raw=True), answers)
    recorder.save()


def answer(net: Any, image: np.ndarray, setting: dict[str, Any]) -> golden.Arrays:
    """One picture's boxes for a setting."""
    found = net.predict(
        image,
        conf=setting["confidence"],
        iou=setting["iou_threshold"],
        class_agnostic_nms=setting.get("class_agnostic_nms", False),
        fuse_model=False,
        fp16=False,
    ).prediction
    return _arrays(found, image)


def _arrays(found: Any, image: np.ndarray) -> golden.Arrays:
    """A prediction in source pixels as arrays."""
    boxes = found.bboxes_xyxy.astype(np.float32).reshape(-1, 4)
    limit = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
    return {
        "boxes": np.clip(boxes, 0, limit),  # it leaves them beyond the picture
        "scores": found.confidence.astype(np.float32),
        "classes": found.labels.astype(np.int16),
    }


def reduce(outputs: list[np.ndarray], raw: bool) -> list[golden.Arrays]:
    """Raw rows that may pass a threshold; all of what is suppressed already."""
    if not raw:
        return [golden.dense(output) for output in outputs]
    boxes, scores = outputs
    likely = scores.max(1) >= record.faintest(record.DETECTION)
    return [golden.cells(boxes, 1, likely, 0), golden.cells(scores, 1, likely, 0)]


def export(case: str, net: Any, cache: Path) -> Path:
    """Raw by torch's exporter, as the net is traced; the others by the package's own."""
    path = cache / f"{case}.onnx"
    if FORMS[case] is None:
        names = ["boxes", "scores"]
        torch.onnx.export(
            net,
            (torch.zeros(1, 3, SIZE, SIZE),),
            str(path),
            opset_version=17,
            input_names=["images"],
            output_names=names,
        )
        return path
    net.export(
        str(path),
        confidence_threshold=INSIDE["confidence"],
        nms_threshold=INSIDE["iou_threshold"],
        output_predictions_format=FORMS[case],
        input_image_shape=(SIZE, SIZE),
        num_pre_nms_predictions=300,
        max_predictions_per_image=100,
        onnx_simplify=False,
    )
    return path
