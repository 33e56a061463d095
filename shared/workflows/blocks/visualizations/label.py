"""Write a label on each detection."""

from __future__ import annotations

from typing import Any

import supervision as sv

from shared.workflows.blocks.visualizations._drawing import (
    Anchor,
    PaletteDrawing,
    Visualization,
    canvas,
    position,
    single,
    style,
)
from shared.workflows.blocks.visualizations._labels import SizeMode, Text, labels, text_scale
from shared.workflows.fields import FloatRef, IntRef, StrRef
from shared.workflows.images import WorkflowImage


class LabelFields(PaletteDrawing):
    """What is written where; sizes in pixels, the scale that of OpenCV's font."""

    text: Text | StrRef = "Class"
    text_position: Anchor | StrRef = "TOP_LEFT"
    text_color: str | StrRef = "WHITE"
    text_scale: float | FloatRef = 1.0
    text_thickness: int | IntRef = 1
    text_padding: int | IntRef = 10
    border_radius: int | IntRef = 0


class DrawLabel(Visualization):
    """Base of the versions. On a plate of the detection's colour. ``text`` may also name a column of the detections."""

    label = "Label Visualization"
    summary = "Write a label on each detection."

    def run(self, image: WorkflowImage, predictions: sv.Detections, text: str, **values: Any) -> dict[str, Any]:
        """The image with labels."""
        drawn = canvas(image)
        if len(predictions):
            writer = sv.LabelAnnotator(
                **style(values),
                text_position=position(values["text_position"]),
                text_color=single(values["text_color"]),
                text_scale=text_scale(image.size, values["text_scale"], values.get("text_size_mode")),
                text_thickness=values["text_thickness"],
                text_padding=values["text_padding"],
                border_radius=values["border_radius"],
            )
            drawn = writer.annotate(drawn, predictions, labels=labels(predictions, text))
        return {"image": image.replaced(drawn)}


class LabelV1(DrawLabel):
    """On a plate of the detection's colour. ``text`` may also name a column of the detections."""

    ids = ("roboflow_core/label_visualization@v1", "LabelVisualization")
    Fields = LabelFields


class LabelV2(DrawLabel):
    """As version 1; the size can follow the image's."""

    ids = ("roboflow_core/label_visualization@v2",)

    class Fields(LabelFields):
        """Automatic text is as large as ``text_scale`` says on an image of 1080 pixels, in proportion on others."""

        text_size_mode: SizeMode | StrRef = "Manual"
