"""Channels of pictures: blocks hand on colour [H, W, 3], grey [H, W] or [H, W, 1], and sometimes alpha [H, W, 4]."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def u8(made: Any) -> Pixels:
    """What OpenCV answered for 8-bit pixels; its type hints say less."""
    pixels: Pixels = made
    return pixels


def grey(pixels: Pixels) -> Pixels:
    """[H, W], of BGR, BGRA or grey pixels."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 1:
        return u8(pixels[:, :, 0])
    return u8(cv2.cvtColor(pixels, cv2.COLOR_BGRA2GRAY if pixels.shape[2] == 4 else cv2.COLOR_BGR2GRAY))


def colour(pixels: Pixels) -> Pixels:
    """A copy as BGR [H, W, 3], to draw on; alpha is dropped."""
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return u8(pixels.copy())
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return u8(cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR))
    return u8(cv2.cvtColor(grey(pixels), cv2.COLOR_GRAY2BGR))


def rotated(pixels: Pixels, degrees: float) -> Pixels:
    """Turned counter-clockwise about its centre, on a black canvas that is large enough for all of it."""
    height, width = pixels.shape[:2]
    centre = (width // 2, height // 2)
    matrix = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    canvas = int(height * sin + width * cos), int(height * cos + width * sin)
    matrix[:, 2] += np.array(canvas) / 2 - centre
    return u8(cv2.warpAffine(pixels, matrix, canvas))
