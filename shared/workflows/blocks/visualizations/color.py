"""Paint each detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Annotation, PaletteDrawing, style
from shared.workflows.fields import FractionRef


class Paint(Annotation):
    """The box is painted, whatever its mask."""

    ids = ("roboflow_core/color_visualization@v1", "ColorVisualization")
    label = "Color Visualization"
    summary = "Paint each detection with its colour."

    class Fields(PaletteDrawing):
        """``opacity`` from 0 to 1."""

        opacity: float | FractionRef = 0.5

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Painted boxes."""
        return sv.ColorAnnotator(**style(values), opacity=values["opacity"])
