"""Pixelate what is detected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Annotation, DetectionsDrawing
from shared.workflows.fields import IntRef


class Pixelate(Annotation):
    """The boxes become coarse."""

    ids = ("roboflow_core/pixelate_visualization@v1", "PixelateVisualization")
    label = "Pixelate Visualization"
    summary = "Make the detections coarse."

    class Fields(DetectionsDrawing):
        """``pixel_size`` in pixels."""

        pixel_size: int | IntRef = 20

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Coarse boxes."""
        return sv.PixelateAnnotator(pixel_size=values["pixel_size"])
