"""Take a lens's distortion out of an image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import BoolRef, FloatRef, ImageRef, StepFields
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.vision.pixels import u8

COEFFICIENTS = ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "p1", "p2")


class CameraCalibration(Block):
    """Brown and Conrady's model, all of the picture kept; or, for fisheyes, a division model with k1 alone."""

    ids = ("roboflow_core/camera-calibration@v1",)
    label = "Camera Calibration"
    summary = "Take a lens's distortion out of an image."
    category = "transformation"
    outputs = {"calibrated_image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """Focal lengths and optical centre in pixels, radial (k) and tangential (p) distortion."""

        image: ImageRef
        fx: float | FloatRef | None
        fy: float | FloatRef | None
        cx: float | FloatRef | None
        cy: float | FloatRef | None
        k1: float | FloatRef | None
        k2: float | FloatRef | None
        k3: float | FloatRef | None
        p1: float | FloatRef | None
        p2: float | FloatRef | None
        use_fisheye_model: bool | BoolRef | None = False

    def run(self, image: WorkflowImage, use_fisheye_model: bool | None, **values: float | None) -> dict[str, Any]:
        """The straightened image, of the same size."""
        lens = {name: float(values[name] or 0.0) for name in COEFFICIENTS}
        if not lens["fx"] or not lens["fy"]:
            raise InvalidRequest("fx and fy, the focal lengths in pixels, must not be 0.")
        straighten = straightened_fisheye if use_fisheye_model else straightened
        return {"calibrated_image": image.replaced(straighten(image.pixels, lens))}


def straightened(pixels: Pixels, lens: dict[str, float]) -> Pixels:
    """By OpenCV's five coefficients; scaled so that no pixel of the source is lost."""
    height, width = pixels.shape[:2]
    camera = np.array([[lens["fx"], 0, lens["cx"]], [0, lens["fy"], lens["cy"]], [0, 0, 1]])
    distortion = np.array([lens[name] for name in ("k1", "k2", "p1", "p2", "k3")])
    whole, _ = cv2.getOptimalNewCameraMatrix(camera, distortion, (width, height), 1, (width, height))
    return u8(cv2.undistort(pixels, camera, distortion, None, whole))


def straightened_fisheye(pixels: Pixels, lens: dict[str, float]) -> Pixels:
    """By the division model: a straight point at radius r is seen at (1 - sqrt(1 - 4 k1 r^2)) / (2 k1 r).

    Fitzgibbon, 2001. Radii are in focal lengths from the optical centre.
    """
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = (x - lens["cx"]) / lens["fx"], (y - lens["cy"]) / lens["fy"]
    seen = _division(x * x + y * y, lens["k1"])
    map_x, map_y = x * seen * lens["fx"] + lens["cx"], y * seen * lens["fy"] + lens["cy"]
    return u8(cv2.remap(pixels, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR))


def _division(squared: npt.NDArray[np.float64], k: float) -> npt.NDArray[np.float64]:
    """Seen radius over straight radius, for squared straight radii."""
    bent = 2 * k * squared
    ratio = 1 - np.sqrt(np.maximum(1 - 2 * bent, 0))
    return np.asarray(np.divide(ratio, bent, out=np.ones_like(squared), where=np.abs(bent) > 1e-9))
