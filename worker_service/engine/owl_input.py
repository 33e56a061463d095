"""How OWLv2 sees an image, and where its boxes lie: what its layouts share."""

from __future__ import annotations

import cv2
import numpy as np

from worker_service.engine.family import Image
from worker_service.engine.manifest import InputSpec
from worker_service.engine.open_vocabulary import Array, Floats
from worker_service.engine.vision.fit import Geometry
from worker_service.engine.vision.nms import centre_to_corners

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SIDE = 960


def fitted(image: Image, spec: InputSpec) -> tuple[Floats, Geometry]:
    """As HF's processor: black below and right to a square, a Gaussian against aliasing, then bilinear."""
    rows, columns = image.shape[:2]
    side = max(rows, columns)
    square = np.zeros((side, side, 3), np.float32)
    square[:rows, :columns] = image[..., ::-1]
    square *= np.float32(spec.scale)
    factor = side / spec.width
    if factor > 1:
        sigma = (factor - 1) / 2
        width = 2 * int(4 * sigma + 0.5) + 1
        square = np.asarray(cv2.GaussianBlur(square, (width, width), sigma, borderType=cv2.BORDER_REFLECT_101))
    small = cv2.resize(square, (spec.width, spec.height), interpolation=cv2.INTER_LINEAR)
    tensor = (np.asarray(small, np.float32) - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    gain = spec.width / side
    return np.ascontiguousarray(tensor.transpose(2, 0, 1), np.float32), Geometry(gain, gain, 0, 0, columns, rows)


def corners(boxes: Array, spec: InputSpec) -> Floats:
    """[n, 4] centres and sizes in shares of the input, to corners in its pixels."""
    scale = np.array([spec.width, spec.height, spec.width, spec.height], np.float32)
    return np.asarray(centre_to_corners(boxes.astype(np.float32)) * scale, np.float32)
