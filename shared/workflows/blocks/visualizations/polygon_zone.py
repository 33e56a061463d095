"""Tint a zone."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from shared.errors import InvalidRequest
from shared.workflows.blocks.visualizations._drawing import Drawing, Visualization, canvas
from shared.workflows.colors import bgr
from shared.workflows.fields import FractionRef, ListRef, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.pixels import u8


class PolygonZone(Visualization):
    """The colour is added to the image's, so that it stays visible on dark and bright."""

    ids = ("roboflow_core/polygon_zone_visualization@v1",)
    label = "Polygon Zone Visualization"
    summary = "Tint a polygon zone, or several."

    class Fields(Drawing):
        """``zone``: a polygon [[x, y], ...] or a list of polygons; ``opacity`` is how much colour is added."""

        zone: list[Any] | ListRef
        color: str | StrRef = "#5bb573"
        opacity: float | FractionRef = 0.3

    def run(self, image: WorkflowImage, zone: Any, color: str, opacity: float, **others: Any) -> dict[str, Any]:
        """The tinted image."""
        del others
        drawn = canvas(image)
        zones = polygons(zone)
        if zones:
            tint = np.zeros_like(drawn)
            for points in zones:
                cv2.fillPoly(tint, [points], bgr(color))
            drawn = u8(cv2.addWeighted(tint, opacity, drawn, 1, 0))
        return {"image": image.replaced(drawn)}


def polygons(zone: Any) -> list[Any]:
    """Polygons [N, 2] of one or several. Raises InvalidRequest."""
    if zone is None or len(zone) == 0:
        return []
    try:
        single = np.ndim(zone[0][0]) == 0
        found = [np.asarray(points, float).round().astype(np.int32) for points in ([zone] if single else zone)]
    except (TypeError, ValueError, IndexError):
        found = [np.empty(0)]
    if any(points.ndim != 2 or points.shape[1] != 2 for points in found):
        raise InvalidRequest("zone is a polygon [[x, y], ...] or a list of polygons.")
    return found
