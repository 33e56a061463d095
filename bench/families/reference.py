"""The reference implementations' own pre- and postprocessing on the same picture and outputs.

Runs in the environment that ``script/parity`` builds, never in ours:
``python -m bench.families.reference FOLDER FAMILY...``.
FOLDER holds ``image.npy`` (BGR) and one ``<family>.npz`` per family; figures go to standard output as JSON.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from tests.parity.reference import torchvision_ops  # noqa: F401 - before anything that imports torchvision

CONFIDENCE, IOU, MOST, SIZE = 0.4, 0.3, 300, 640
RUNS, LEAST, SECONDS = 15, 3, 2.0
Pair = tuple[Callable[[], object], Callable[[], object]]


def ultralytics_letterbox(image: np.ndarray) -> Callable[[], object]:
    from ultralytics.data.augment import LetterBox

    box = LetterBox((SIZE, SIZE), auto=False, stride=32)

    def prepare() -> torch.Tensor:
        stacked = np.stack([box(image=image)])[..., ::-1].transpose((0, 3, 1, 2))
        return torch.from_numpy(np.ascontiguousarray(stacked)).float() / 255

    return prepare


def yolov8(image: np.ndarray, outputs: list[torch.Tensor]) -> Pair:
    from ultralytics.utils import ops
    from ultralytics.utils.nms import non_max_suppression

    shape = image.shape[:2]
    extras = {84: 0, 116: 32, 56: 51}[outputs[0].shape[1]]

    def finish() -> object:
        classes = outputs[0].shape[1] - 4 - extras
        (kept,) = non_max_suppression(outputs[0], CONFIDENCE, IOU, nc=classes, max_det=MOST)
        boxes = ops.scale_boxes((SIZE, SIZE), kept[:, :4].clone(), shape)
        if extras == 32:
            masks = ops.process_mask_native(outputs[1][0], kept[:, 6:], boxes, shape)
            return ops.masks2segments(masks, "largest")
        if extras:
            return ops.scale_coords((SIZE, SIZE), kept[:, 6:].reshape(len(kept), 17, 3), shape)
        return boxes

    return ultralytics_letterbox(image), finish


def yolov5(image: np.ndarray, outputs: list[torch.Tensor]) -> Pair:
    from yolov5.utils.augmentations import letterbox
    from yolov5.utils.general import non_max_suppression, scale_boxes

    def prepare() -> torch.Tensor:
        boxed = letterbox(image, SIZE, auto=False)[0].transpose((2, 0, 1))[::-1]
        return torch.from_numpy(np.ascontiguousarray(boxed)).float() / 255

    def finish() -> object:
        masks = 32 if outputs[0].shape[2] == 117 else 0
        (kept,) = non_max_suppression(outputs[0], CONFIDENCE, IOU, max_det=MOST, nm=masks)
        boxes = scale_boxes((SIZE, SIZE), kept[:, :4].clone(), image.shape)
        if masks:
            from yolov5.utils.segment.general import masks2segments, process_mask_native

            return masks2segments(process_mask_native(outputs[1][0], kept[:, 6:], boxes, image.shape[:2]))
        return boxes

    return prepare, finish


def rfdetr(image: np.ndarray, outputs: list[torch.Tensor]) -> Pair:
    from rfdetr.models.postprocess import PostProcess
    from torchvision.transforms import functional

    rgb = np.ascontiguousarray(image[..., ::-1])
    names = {"pred_boxes": outputs[0], "pred_logits": outputs[1]}
    if len(outputs) > 2:
        names["pred_masks"] = outputs[2]
    last = PostProcess(num_select=MOST)

    def prepare() -> torch.Tensor:
        tensor = functional.resize(functional.to_tensor(rgb), [SIZE, SIZE], antialias=False)
        return functional.normalize(tensor, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    return prepare, lambda: last(names, torch.tensor([image.shape[:2]]), score_threshold=CONFIDENCE)


def yolo_nas(image: np.ndarray, outputs: list[torch.Tensor]) -> Pair:
    from tests.parity.reference import super_gradients_stubs  # noqa: F401 - the stubs come first

    from super_gradients.training.models.detection_models.pp_yolo_e import PPYoloEPostPredictionCallback  # isort: skip
    from super_gradients.training.processing import processing  # isort: skip

    steps = processing.ComposeProcessing(
        [
            processing.DetectionLongestMaxSizeRescale(output_shape=(SIZE - 4, SIZE - 4)),
            processing.DetectionCenterPadding(output_shape=(SIZE, SIZE), pad_value=114),
            processing.StandardizeImage(max_value=255.0),
            processing.ImagePermute(permutation=(2, 0, 1)),
        ]
    )
    suppress = PPYoloEPostPredictionCallback(
        score_threshold=CONFIDENCE, nms_threshold=IOU, nms_top_k=1024, max_predictions=MOST
    )
    return lambda: steps.preprocess_image(image), lambda: suppress(tuple(outputs))


def yolact(image: np.ndarray, outputs: list[torch.Tensor]) -> Pair | None:
    """Of a checkout beside the package, see ``script/parity --clones``."""
    from tests.parity.reference.clones import find
    from tests.parity.reference.yolact_cases import importable

    if find("yolact") is None:
        return None
    importable()
    cfg = importlib.import_module("data.config").cfg
    postprocess = importlib.import_module("layers.output_utils").postprocess
    cfg.mask_proto_debug = False
    offsets, classes, weights, priors, prototypes = outputs
    functions = importlib.import_module("layers.functions")
    detect = functions.Detect(classes.shape[2], bkg_label=0, top_k=200, conf_thresh=CONFIDENCE, nms_thresh=IOU)
    detect.use_fast_nms = True
    names = {"loc": offsets, "conf": classes, "mask": weights, "priors": priors[0], "proto": prototypes}
    net = SimpleNamespace()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((103.94, 116.78, 123.68), (57.38, 57.12, 58.40)))

    def prepare() -> torch.Tensor:  # FastBaseTransform, which wants a GPU's tensors
        pixels = torch.from_numpy(image).float()[None].permute(0, 3, 1, 2)
        pixels = torch.nn.functional.interpolate(pixels, (SIZE, SIZE), mode="bilinear", align_corners=False)
        return ((pixels - mean) / std)[:, (2, 1, 0)]

    def finish() -> object:
        return postprocess(detect(names, net), image.shape[1], image.shape[0], score_threshold=CONFIDENCE)

    return prepare, finish


def yolov7_seg(image: np.ndarray, outputs: list[torch.Tensor]) -> Pair | None:
    """Of a checkout; masks in pixels of the input, as its ``predict.py`` makes them, and no outlines."""
    from tests.parity.reference.clones import find

    if find("yolov7-u7", "seg") is None:
        return None
    letterbox = importlib.import_module("utils.augmentations").letterbox
    general = importlib.import_module("utils.general")
    process_mask = importlib.import_module("utils.segment.general").process_mask

    def prepare() -> torch.Tensor:
        boxed = letterbox(image, SIZE, auto=False)[0].transpose((2, 0, 1))[::-1]
        return torch.from_numpy(np.ascontiguousarray(boxed)).float() / 255

    def finish() -> object:
        (kept,) = general.non_max_suppression(outputs[0], CONFIDENCE, IOU, max_det=MOST, nm=32)
        masks = process_mask(outputs[-1][0], kept[:, 6:], kept[:, :4], (SIZE, SIZE), upsample=True)
        return general.scale_coords((SIZE, SIZE), kept[:, :4].clone(), image.shape), masks

    return prepare, finish


def segformer(image: np.ndarray, outputs: list[torch.Tensor]) -> Pair:
    from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

    processor = SegformerImageProcessorPil(size={"height": SIZE, "width": SIZE})
    rgb, answer = np.ascontiguousarray(image[..., ::-1]), SimpleNamespace(logits=outputs[0])
    return (
        lambda: processor(rgb, return_tensors="np"),
        lambda: processor.post_process_semantic_segmentation(answer, target_sizes=[image.shape[:2]]),
    )


REFERENCES: dict[str, Callable[[np.ndarray, list[torch.Tensor]], Pair | None]] = {
    "yolov8": yolov8,
    "yolov8-seg": yolov8,
    "yolov8-pose": yolov8,
    "yolov5": yolov5,
    "yolov5-seg": yolov5,
    "yolov7-seg": yolov7_seg,
    "rfdetr": rfdetr,
    "rfdetr-seg": rfdetr,
    "semantic-segmentation": segformer,
    "yolact": yolact,
    "yolo-nas": yolo_nas,
}


def milliseconds(step: Callable[[], object]) -> float:
    """Median processor time of a call, of fewer calls when they take seconds."""
    spent: list[float] = []
    while len(spent) < RUNS and (len(spent) < LEAST or sum(spent) < SECONDS):
        began = time.process_time()
        step()
        spent.append(time.process_time() - began)
    return 1000 * float(np.median(spent))


def main(folder: Path, families: list[str]) -> None:
    torch.set_num_threads(1)
    image = np.load(folder / "image.npy")
    figures = {}
    for family in families:
        with np.load(folder / f"{family}.npz") as stored:
            outputs = [torch.from_numpy(stored[name])[None] for name in stored.files]
        pair = REFERENCES[family](image, outputs)
        if pair is None:
            continue
        prepare, finish = pair
        with torch.inference_mode():
            figures[family] = {"pre": milliseconds(prepare), "post": milliseconds(finish)}
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
