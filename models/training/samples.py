"""Which pictures train the demo models and which test them; split and index name one picture. Needs no torch."""

import cv2
import numpy as np

from models.training.scenes import Scene, closeup, scene

DETECTOR_SIZE = 320
CLASSIFIER_SIZE = 96
PAD = 114  # the grey that Ultralytics exports expect around a letterboxed picture
TRAIN, HELD_OUT = 0, 1  # first word of the seed, so that the splits cannot share a picture


def detector_scene(split: int, index: int) -> Scene:
    """Scene number `index` of a split: short side 200 to 600 pixels, up to 1.6 times as long either way."""
    rng = np.random.default_rng([split, 0, index])
    short = int(200 * 3 ** rng.random())
    long = int(short * rng.uniform(1.0, 1.6))
    width, height = (long, short) if rng.random() < 0.65 else (short, long)
    return scene(rng, width, height)


def classifier_picture(split: int, index: int) -> tuple[np.ndarray, int]:
    """Close-up number `index` of a split: uint8 BGR, side 64 to 192 pixels, and its label's index."""
    rng = np.random.default_rng([split, 1, index])
    return closeup(rng, int(64 * 3 ** rng.random()))


def letterbox(image: np.ndarray, size: int) -> tuple[np.ndarray, float, tuple[int, int]]:
    """Fit a picture into a grey square without distorting it.

    Returns:
        uint8 BGR [size,size,3], the scale that was applied, and the (left, top) offset in pixels.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    wide, high = round(width * scale), round(height * scale)
    left, top = (size - wide) // 2, (size - high) // 2
    square = np.full((size, size, 3), PAD, np.uint8)
    square[top : top + high, left : left + wide] = cv2.resize(image, (wide, high), interpolation=cv2.INTER_LINEAR)
    return square, scale, (left, top)


def blob(images: np.ndarray) -> np.ndarray:
    """Uint8 BGR [N,S,S,3] to float32 RGB [N,3,S,S] in 0..1."""
    return np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 1, 2), dtype=np.float32) / 255
