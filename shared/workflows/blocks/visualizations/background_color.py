"""Cover what is not detected."""

from __future__ import annotations

from typing import Any

import supervision as sv

from shared.workflows.blocks.visualizations._drawing import DetectionsDrawing, Visualization, canvas, single
from shared.workflows.fields import FractionRef, StrRef
from shared.workflows.images import WorkflowImage


class BackgroundColor(Visualization):
    """Masks stay visible, or boxes where there are no masks; without detections everything is covered."""

    ids = ("roboflow_core/background_color_visualization@v1", "BackgroundColorVisualization")
    label = "Background Color Visualization"
    summary = "Cover everything but the detections with a colour."

    class Fields(DetectionsDrawing):
        """``opacity`` 1 hides the background."""

        color: str | StrRef = "BLACK"
        opacity: float | FractionRef = 0.5

    def run(
        self, image: WorkflowImage, predictions: sv.Detections, color: str, opacity: float, **others: Any
    ) -> dict[str, Any]:
        """The covered image."""
        del others
        cover = sv.BackgroundOverlayAnnotator(color=single(color), opacity=opacity)
        return {"image": image.replaced(cover.annotate(canvas(image), predictions))}
