"""Pictures that faces are looked for in, and what is kept of the answers."""

from __future__ import annotations

import cv2
import numpy as np

from tests.parity import pictures

STRIDES = (8, 16, 32)
POINTS = ["right_eye", "left_eye", "nose", "right_mouth_corner", "left_mouth_corner"]
SCORE = 0.93
"""Threshold of the recording: a seeded net finds faces everywhere."""
MOST = 6
"""Faces of a picture whose looks are kept."""
NAMES = ("odd.jpg", "tiny.jpg", "tall.jpg", "wide.jpg", "alpha.png", "huge.jpg")


def read(name: str) -> np.ndarray:
    """BGR pixels as the engine decodes them."""
    pixels = cv2.imdecode(np.frombuffer(pictures.read(name), np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels
