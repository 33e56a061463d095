"""The annotated picture as JPEG or PNG, when a request asks for it; drawing.py draws and is loaded by the first."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from worker_service.engine.gaze_results import Gazes
from worker_service.engine.keypoint_results import Poses
from worker_service.engine.mask_results import ClassMap, Instances
from worker_service.engine.params import Params
from worker_service.engine.prompted_results import PromptedMasks
from worker_service.engine.results import Classification, Detections

Image = npt.NDArray[np.uint8]

JPEG_QUALITY = 90
PNG_LEVEL = 1
"""Photographs hardly shrink further at the higher levels of zlib, which take many times as long."""
BANNER_LINES = 5


def with_boxes(result: Detections, pixels: Image | None, params: Params) -> Detections:
    """The result with its picture, when it was asked for: boxes, the best ones on top."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    pen().boxes(canvas, result, params.visualization_stroke_width, labels=params.visualization_labels)
    return replace(result, visualization=encoded(canvas, params.visualization_format))


def with_masks(result: Instances, pixels: Image | None, params: Params) -> Instances:
    """The result with its picture, when it was asked for: masks tinted, then the boxes."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    pen().masks(canvas, result)
    pen().boxes(canvas, result, params.visualization_stroke_width, labels=params.visualization_labels)
    return replace(result, visualization=encoded(canvas, params.visualization_format))


def with_keypoints(result: Poses, pixels: Image | None, params: Params) -> Poses:
    """The result with its picture, when it was asked for: boxes, the skeleton, and the points that are reported."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    pen().boxes(canvas, result, params.visualization_stroke_width, labels=params.visualization_labels)
    pen().skeletons(canvas, result, params.visualization_stroke_width)
    return replace(result, visualization=encoded(canvas, params.visualization_format))


def with_gazes(result: Gazes, pixels: Image | None, params: Params) -> Gazes:
    """The result with its picture, when it was asked for: faces, their points, and an arrow for each look."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    pen().boxes(canvas, result, params.visualization_stroke_width, labels=params.visualization_labels)
    pen().skeletons(canvas, result, params.visualization_stroke_width)
    pen().looks(canvas, result, params.visualization_stroke_width)
    return replace(result, visualization=encoded(canvas, params.visualization_format))


def with_classes(result: ClassMap, pixels: Image | None, params: Params, background: int | None) -> ClassMap:
    """The result with its picture, when it was asked for: each class but the background tinted, and a legend."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    pen().class_map(canvas, result, background)
    if params.visualization_labels:
        legend = [(i, result.labels[i]) for i in result.present if i != background]
        pen().banner(canvas, legend)
    return replace(result, visualization=encoded(canvas, params.visualization_format))


def with_prompted_masks(result: PromptedMasks, pixels: Image | None, params: Params) -> PromptedMasks:
    """The result with its picture, when it was asked for: each mask tinted, later ones over earlier ones."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    pen().tinted(canvas, result.masks)
    return replace(result, visualization=encoded(canvas, params.visualization_format))


def with_banner(result: Classification, pixels: Image | None, params: Params) -> Classification:
    """The result with its picture added when it was asked for: the best classes in the top left corner."""
    if not params.visualize or pixels is None:
        return result
    canvas = pixels.copy()
    best = np.argsort(-result.scores, kind="stable")[:1]
    shown = [i for i, _ in result.ranked[:BANNER_LINES]] or [int(i) for i in best]
    lines = [(i, f"{result.labels[i]} {float(result.scores[i]):.2f}") for i in shown]
    pen().banner(canvas, lines)
    return replace(result, visualization=encoded(canvas, params.visualization_format))


def depth_picture(nearness: npt.NDArray[np.float32], form: Literal["jpeg", "png"] = "jpeg") -> bytes:
    """A depth map in colours, near ones warm.

    Args:
        nearness: [height, width], the larger the nearer, such as normalised inverse depth in 0..1.
        form: file format.
    """
    canvas = np.zeros((*nearness.shape, 3), np.uint8)
    pen().depth(canvas, nearness)
    return encoded(canvas, form)


def pen() -> ModuleType:
    """drawing.py, imported when it is first needed."""
    from worker_service.engine import drawing  # noqa: PLC0415 - see its docstring

    return drawing


def encoded(canvas: Image, form: Literal["jpeg", "png"]) -> bytes:
    """The picture as a file."""
    if form == "png":
        _, data = cv2.imencode(".png", canvas, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    else:
        _, data = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)
