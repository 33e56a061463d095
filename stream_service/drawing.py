"""Frames made ready for drawing: smaller first, because drawing and encoding cost by the pixel."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from stream_service.picture import Picture, Pixels


def reduced(picture: Picture, longest: int) -> Pixels:
    """The frame in BGR, its longer side at most ``longest`` pixels (0: full size)."""
    width, height = picture.fitted(longest)
    if (width, height) == (picture.width, picture.height):
        return picture.bgr()
    return np.asarray(cv2.resize(picture.bgr(), (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg_of(image: Pixels, quality: int) -> bytes:
    """BGR pixels as JPEG."""
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, "BGR", "420", fastdct=True))
