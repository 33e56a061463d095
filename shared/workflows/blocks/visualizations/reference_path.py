"""Draw a way that objects should take."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from shared.errors import InvalidRequest
from shared.workflows.blocks.visualizations._drawing import Drawing, Visualization, canvas
from shared.workflows.colors import bgr
from shared.workflows.fields import IntRef, ListRef, StrRef
from shared.workflows.images import WorkflowImage

MOST_THICKNESS = 32767  # OpenCV's


class ReferencePath(Visualization):
    """An open line through the points."""

    ids = ("roboflow_core/reference_path_visualization@v1",)
    label = "Reference Path Visualization"
    summary = "Draw a path through given points."

    class Fields(Drawing):
        """``reference_path``: points [[x, y], ...]; ``thickness`` in pixels."""

        reference_path: list[Any] | ListRef
        color: str | StrRef = "#5bb573"
        thickness: int | IntRef = 2

    def run(
        self, image: WorkflowImage, reference_path: Any, color: str, thickness: int, **others: Any
    ) -> dict[str, Any]:
        """The drawn image."""
        del others
        if not 1 <= thickness <= MOST_THICKNESS:
            raise InvalidRequest(f"thickness lies between 1 and {MOST_THICKNESS} pixels.")
        try:
            points = np.array([(float(point[0]), float(point[1])) for point in reference_path]).round().astype(np.int32)
        except (TypeError, ValueError, IndexError):
            raise InvalidRequest("reference_path is a list of points [[x, y], ...].") from None
        drawn = canvas(image)
        if len(points):
            cv2.polylines(drawn, [points.reshape(-1, 1, 2)], False, bgr(color), thickness)
        return {"image": image.replaced(drawn)}
