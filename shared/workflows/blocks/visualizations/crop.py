"""Show detections enlarged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Anchor, Annotation, PaletteDrawing, position, style
from shared.workflows.fields import FloatRef, IntRef, StrRef


class Crop(Annotation):
    """Each crop is drawn over the image beside its box."""

    ids = ("roboflow_core/crop_visualization@v1", "CropVisualization")
    label = "Crop Visualization"
    summary = "Show enlarged crops of the detections on the image."

    class Fields(PaletteDrawing):
        """``scale_factor`` of the crop; the border in pixels."""

        position: Anchor | StrRef = "TOP_CENTER"
        scale_factor: float | FloatRef = 2.0
        border_thickness: int | IntRef = 2

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Enlarged crops."""
        return sv.CropAnnotator(
            border_color=style(values)["color"],
            border_color_lookup=style(values)["color_lookup"],
            position=position(values["position"]),
            scale_factor=values["scale_factor"],
            border_thickness=values["border_thickness"],
        )
