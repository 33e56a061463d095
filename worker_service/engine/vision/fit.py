"""Bringing an image to a model's input size, and boxes back.

``fit`` resizes with uint8 pixels (cv2's fastest path) and writes each channel once, normalised, into its place in the
[3, H, W] tensor; borders are filled separately, so no pixel is written twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from worker_service.engine.manifest import InputSpec, Interpolation
from worker_service.engine.runtime.scale import Scale

_INTERPOLATIONS: dict[Interpolation, int] = {
    "linear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "cubic": cv2.INTER_CUBIC,
}
_ANTIALIAS: dict[Interpolation, Pillow.Resampling] = {
    "antialias-linear": Pillow.Resampling.BILINEAR,
    "antialias-cubic": Pillow.Resampling.BICUBIC,
}


Empty: TypeAlias = Callable[[tuple[int, int, int], npt.DTypeLike], npt.NDArray[Any]]


@dataclass(frozen=True)
class Geometry:
    """How input pixels lie over source pixels: input = source * gain + offset, per axis. Cropping: negative offsets.

    The gains are those of the rounded size, not of the unrounded ratio: one common ratio is off by up to 0.93 px.
    """

    gain_x: float
    gain_y: float
    left: int
    top: int
    width: int
    height: int

    def boxes_to_source(self, boxes: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """[n, 4] x0, y0, x1, y1 from input pixels to source pixels, clipped to the image."""
        return self.points_to_source(boxes.reshape(-1, 2, 2)).reshape(-1, 4)

    def points_to_source(self, points: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """[..., 2] x, y from input pixels to source pixels, clipped to the image."""
        offset = np.array([self.left, self.top], np.float32)
        gain = np.array([self.gain_x, self.gain_y], np.float32)
        limit = np.array([self.width, self.height], np.float32)
        return np.asarray(np.clip((points.astype(np.float32, copy=False) - offset) / gain, 0, limit), np.float32)


NOWHERE = Geometry(1.0, 1.0, 0, 0, 0, 0)
"""Of a text, which has no pixels."""


def fit(
    image: npt.NDArray[np.uint8], spec: InputSpec, dtype: npt.DTypeLike = np.float32, empty: Empty = np.empty
) -> tuple[npt.NDArray[Any], Geometry]:
    """Image [H, W, 3] uint8 BGR to the tensor [3, height, width] that the manifest describes.

    Args:
        image: the source.
        spec: the manifest's ``input``.
        dtype: of the tensor; uint8 is for graphs that normalise themselves, whose spec leaves pixels as they are.
        empty: makes the tensor, by shape and type.
    """
    pixels, corner, geometry = _fitted(image, spec)
    tensor = empty((3, spec.height, spec.width), dtype)
    _write(pixels, tensor, spec, corner)
    return tensor, geometry


def fit_pixels(
    image: npt.NDArray[np.uint8], spec: InputSpec, empty: Empty = np.empty
) -> tuple[npt.NDArray[np.uint8], Geometry]:
    """Image [H, W, 3] uint8 BGR to pixels [height, width, 3] BGR at their places, for who scales them elsewhere.

    What ``scale_of`` makes of them is what ``fit`` gives, where ``precision`` is uint8.
    """
    pixels, (left, top), geometry = _fitted(image, spec)
    canvas = empty((spec.height, spec.width, 3), np.uint8)
    bottom, right = top + pixels.shape[0], left + pixels.shape[1]
    canvas[top:bottom, left:right] = pixels
    for strip in (canvas[:top], canvas[bottom:], canvas[top:bottom, :left], canvas[top:bottom, right:]):
        strip.fill(spec.pad)
    return canvas, geometry


def scale_of(spec: InputSpec) -> Scale:
    """What becomes of a BGR pixel, by channel: (pixel * scale - mean) / std, as one product and one sum."""
    red, green, blue = ((spec.scale / std, -mean / std) for mean, std in zip(spec.mean, spec.std, strict=True))
    return Scale((red[0], green[0], blue[0]), (red[1], green[1], blue[1]), reversed=spec.channels == "rgb")


def _fitted(image: npt.NDArray[np.uint8], spec: InputSpec) -> tuple[npt.NDArray[Any], tuple[int, int], Geometry]:
    """The image resized and cut; left and top of its place in the input; how it lies there."""
    rows, cols = image.shape[:2]
    width, height = _target(cols, rows, spec)
    pixels = _resize(image, (width, height), spec)
    left, top = _offset(spec.width - width), _offset(spec.height - height)
    if spec.resize == "center-crop":
        whole = round if spec.crop_offset == "round" else floor
        left, top = -whole((width - spec.width) / 2), -whole((height - spec.height) / 2)
        pixels = pixels[-top : spec.height - top, -left : spec.width - left]
    corner = (max(left, 0), max(top, 0))
    return pixels, corner, Geometry(width / cols, height / rows, left, top, cols, rows)


def _resize(image: npt.NDArray[np.uint8], size: tuple[int, int], spec: InputSpec) -> npt.NDArray[Any]:
    if size == (image.shape[1], image.shape[0]):
        return image
    if spec.interpolation in _ANTIALIAS:
        # Pillow filters per channel: BGR may pass as RGB.
        return np.asarray(Pillow.fromarray(image).resize(size, _ANTIALIAS[spec.interpolation]))
    source = image if spec.precision == "uint8" else image.astype(np.float32)
    return np.asarray(cv2.resize(source, size, interpolation=_INTERPOLATIONS[spec.interpolation]))


def _target(cols: int, rows: int, spec: InputSpec) -> tuple[int, int]:
    """Width and height that the image is resized to, before borders are added or cut."""
    if spec.resize == "stretch":
        return spec.width, spec.height
    if spec.resize == "letterbox":
        ratio = min((spec.width - spec.border) / cols, (spec.height - spec.border) / rows)
        return max(1, round(cols * ratio)), max(1, round(rows * ratio))
    # As torchvision's Resize: the side that fills is exact, the other one truncated.
    wide, high = floor(spec.width / spec.crop_fraction + 1e-6), floor(spec.height / spec.crop_fraction + 1e-6)
    if wide * rows >= high * cols:
        return wide, max(spec.height, wide * rows // cols)
    return max(spec.width, high * cols // rows), high


def _offset(border: int) -> int:
    """Left or top share of a border; an odd pixel goes right or below, as Ultralytics does it."""
    return round(border / 2 - 0.1)


def _write(pixels: npt.NDArray[Any], tensor: npt.NDArray[Any], spec: InputSpec, corner: tuple[int, int]) -> None:
    """Fill ``tensor`` with normalised pixels from ``corner`` (left, top) on, and with the pad colour around them."""
    left, top = corner
    bottom, right = top + pixels.shape[0], left + pixels.shape[1]
    planes = cv2.split(pixels)
    order = (2, 1, 0) if spec.channels == "rgb" else (0, 1, 2)
    scale = scale_of(spec)
    for channel, plane in enumerate(order):
        factor, shift = np.float32(scale.factor[channel]), np.float32(scale.shift[channel])
        target = tensor[channel]
        inside = target[top:bottom, left:right]
        np.copyto(inside, planes[plane])
        if factor != 1:
            np.multiply(inside, factor, out=inside)
        if shift:
            np.add(inside, shift, out=inside)
        border = np.float32(spec.pad) * factor + shift
        for strip in (target[:top], target[bottom:], target[top:bottom, :left], target[top:bottom, right:]):
            strip.fill(border)
