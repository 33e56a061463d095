"""Blur what is detected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.visualizations._drawing import Annotation, DetectionsDrawing
from shared.workflows.fields import IntRef


class Blur(Annotation):
    """The boxes are blurred, such as faces."""

    ids = ("roboflow_core/blur_visualization@v1", "BlurVisualization")
    label = "Blur Visualization"
    summary = "Blur the detections."

    class Fields(DetectionsDrawing):
        """``kernel_size`` in pixels."""

        kernel_size: int | IntRef = 15

    @override
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """Blurred boxes."""
        return sv.BlurAnnotator(kernel_size=values["kernel_size"])
