"""The colour that an image has most of."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, IntRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.pixels import colour

SEED = 1
NO_LABELS: Any = None


class DominantColor(Block):
    """k-means over a thinned-out copy; the mean of the largest cluster. The same image always gives the same colour."""

    ids = ("roboflow_core/dominant_color@v1",)
    label = "Dominant Color"
    summary = "Find the colour that an image has most of."
    category = "classical_computer_vision"
    outputs = {"rgb_color": (kinds.COLOR,)}

    class Fields(StepFields):
        """``target_size`` is about the shorter side, in pixels, of the copy that is looked at."""

        image: ImageRef
        color_clusters: int | IntRef = 4
        max_iterations: int | IntRef = 100
        target_size: int | IntRef = 100

    def run(self, image: WorkflowImage, color_clusters: int, max_iterations: int, target_size: int) -> dict[str, Any]:
        """Red, green and blue."""
        if min(color_clusters, max_iterations, target_size) < 1:
            raise InvalidRequest("color_clusters, max_iterations and target_size must be at least 1.")
        step = max(1, min(image.size) // target_size)
        points = colour(image.pixels[::step, ::step]).reshape(-1, 3).astype(np.float32)
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, max_iterations, 0.1)
        cv2.setRNGSeed(SEED)
        clusters = min(color_clusters, len(points))
        _, labels, centres = cv2.kmeans(points, clusters, NO_LABELS, stop, 3, cv2.KMEANS_PP_CENTERS)
        most = centres[np.bincount(labels.ravel()).argmax()]
        return {"rgb_color": tuple(round(float(part)) for part in most[::-1])}
