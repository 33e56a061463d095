"""Contrast of 8-bit pictures."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from shared.workflows.vision.pixels import Pixels, u8

MIDTONES = 1 / 1.3  # exponent that brightens them


def stretch_percentiles(pixels: Pixels, low: float = 2, high: float = 98) -> Pixels:
    """All channels stretched alike so that the two percentiles become 0 and 255; what lies beyond is cut off."""
    dark, bright = np.percentile(pixels, (low, high))
    if bright <= dark:
        return u8(pixels.copy())
    table = np.clip((np.arange(256) - dark) / (bright - dark), 0, 1) * 255
    return u8(table.astype(np.uint8)[pixels])


def equalize(pixels: Pixels) -> Pixels:
    """The brightness of all channels together spread evenly: each value becomes its share of values not above it."""
    counts = np.bincount(pixels.ravel(), minlength=256)
    return u8((np.cumsum(counts) / max(pixels.size, 1) * 255).astype(np.uint8)[pixels])


def equalize_adaptively(pixels: Pixels, limit: float = 0.03) -> Pixels:
    """Brightness evened out tile by tile (CLAHE over 8 x 8 tiles); colours keep hue and saturation.

    Args:
        pixels: BGR or grey.
        limit: share of a tile's pixels that one brightness may have before it is cut off.
    """
    clahe = cv2.createCLAHE(clipLimit=limit * 256, tileGridSize=(8, 8))
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return u8(clahe.apply(pixels.reshape(pixels.shape[:2]))).reshape(pixels.shape)
    hsv = cv2.cvtColor(pixels[:, :, :3], cv2.COLOR_BGR2HSV)
    hsv[:, :, 2] = clahe.apply(np.ascontiguousarray(hsv[:, :, 2]))
    even = u8(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR))
    return np.concatenate([even, pixels[:, :, 3:]], axis=2)


def enhance(channel: npt.NDArray[np.uint8], clip: float, multiplier: float, *, brighten: bool) -> Pixels:
    """One channel stretched to the full range.

    Args:
        channel: [H, W].
        clip: percent of the values at either end that are cut off.
        multiplier: then the distance from 128 is multiplied by this.
        brighten: then midtones are raised.
    """
    dark, bright = np.percentile(channel, (clip, 100 - clip))
    if bright <= dark:
        return channel
    table = (np.arange(256) - dark) / (bright - dark) * 255
    table = 128 + (table - 128) * multiplier if multiplier != 1 else table
    table = np.clip(table, 0, 255)
    table = (table / 255) ** MIDTONES * 255 if brighten else table
    return u8(table.astype(np.uint8)[channel])
