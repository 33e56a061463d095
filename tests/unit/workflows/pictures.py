"""Pictures and detections for tests of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import supervision as sv

from shared.workflows import detections as columns
from shared.workflows.images import ImageParentMetadata, Pixels, VideoMetadata, WorkflowImage


def image(pixels: Any, video: VideoMetadata | None = None) -> WorkflowImage:
    return WorkflowImage.from_pixels(np.asarray(pixels, np.uint8), video=video)


def plain(width: int = 60, height: int = 40, color: tuple[int, int, int] = (0, 0, 0)) -> WorkflowImage:
    """One colour, in BGR."""
    return image(np.full((height, width, 3), color))


def noise(width: int = 64, height: int = 48, seed: int = 0) -> WorkflowImage:
    return image(np.random.default_rng(seed).integers(0, 256, (height, width, 3)))


def frame(pixels: Any, number: int, name: str = "cam", fps: float | None = 30) -> WorkflowImage:
    return image(pixels, VideoMetadata(name, frame_number=number, fps=fps))


def found(
    where: WorkflowImage, *boxes: tuple[float, ...], classes: tuple[str, ...] = (), confidence: Any = None, **more: Any
) -> sv.Detections:
    """Detections of that image; class ids follow the order of first appearance."""
    names = classes or ("cat",) * len(boxes)
    ids = {name: i for i, name in enumerate(dict.fromkeys(names))}
    sure = [0.5] * len(boxes) if confidence is None else confidence
    return columns.build(boxes, sure, [ids[name] for name in names], names, where, **more)


def masks(where: WorkflowImage, *boxes: tuple[int, int, int, int]) -> Any:
    """Masks [n, H, W] that fill boxes."""
    width, height = where.size
    made = np.zeros((len(boxes), height, width), bool)
    for mask, (x0, y0, x1, y1) in zip(made, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    return made


def changed(before: WorkflowImage, after: WorkflowImage) -> Any:
    """Which pixels differ, [H, W]."""
    one: Pixels = before.pixels
    return (one != after.pixels).any(axis=2)


def named(name: str, pixels: Any) -> WorkflowImage:
    return WorkflowImage(ImageParentMetadata(name), pixels=np.asarray(pixels, np.uint8))
