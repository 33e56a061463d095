"""Draw the outline of each mask."""

from __future__ import annotations

from typing import Annotated, Any

import supervision as sv

from shared.workflows import kinds
from shared.workflows.blocks.visualizations._drawing import PaletteDrawing, Visualization, canvas, masked, style
from shared.workflows.fields import IntRef, Selector
from shared.workflows.images import WorkflowImage


class PolygonFields(PaletteDrawing):
    """``thickness`` in pixels."""

    predictions: Annotated[str, Selector(kinds.INSTANCES, kinds.RLE_INSTANCES)]
    thickness: int | IntRef = 2


class DrawPolygon(Visualization):
    """Base of the versions. Detections without masks are outlined as boxes."""

    label = "Polygon Visualization"
    summary = "Draw the outline of each detection."

    def run(self, image: WorkflowImage, predictions: sv.Detections, thickness: int, **values: Any) -> dict[str, Any]:
        """The drawn image."""
        drawn = canvas(image)
        if len(predictions):
            line = sv.PolygonAnnotator(**style(values), thickness=thickness)
            drawn = line.annotate(drawn, masked(predictions, image.size))
        return {"image": image.replaced(drawn)}


class PolygonV1(DrawPolygon):
    """Detections without masks are outlined as boxes."""

    ids = ("roboflow_core/polygon_visualization@v1", "PolygonVisualization")
    Fields = PolygonFields


class PolygonV2(DrawPolygon):
    """As version 1, which leaves nothing to repair here."""

    ids = ("roboflow_core/polygon_visualization@v2",)
    Fields = PolygonFields
