"""Draw the corners of each detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Annotation, PaletteDrawing, style
from shared.workflows.fields import IntRef


class Corner(Annotation):
    """Two short lines at each corner of the box."""

    ids = ("roboflow_core/corner_visualization@v1", "CornerVisualization")
    label = "Corner Visualization"
    summary = "Draw the corners of each detection."

    class Fields(PaletteDrawing):
        """Thickness and length of the lines in pixels."""

        thickness: int | IntRef = 4
        corner_length: int | IntRef = 15

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Corners."""
        return sv.BoxCornerAnnotator(
            **style(values), thickness=values["thickness"], corner_length=values["corner_length"]
        )
