"""Write a label in a TrueType font on each detection."""

from __future__ import annotations

from typing import Any, Literal

import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows.blocks.visualizations._drawing import (
    Anchor,
    PaletteDrawing,
    Visualization,
    canvas,
    position,
    single,
    style,
)
from shared.workflows.blocks.visualizations._fonts import FAMILIES, font_path
from shared.workflows.blocks.visualizations._labels import SizeMode, Text, font_size, labels
from shared.workflows.fields import IntRef, StrRef
from shared.workflows.images import WorkflowImage

Family = Literal[
    "Anonymous Pro", "Courier Prime", "Fira Code", "Geist", "Geist Mono", "IBM Plex Mono", "Inconsolata", "Inter",
    "JetBrains Mono", "Lato", "Montserrat", "Noto Sans", "Nunito Sans", "Open Sans", "PT Mono", "Roboto", "Roboto Mono",
    "Source Code Pro", "Space Mono", "Work Sans",
]  # fmt: skip


class RichLabel(Visualization):
    """Any script that the font has. Fonts are those installed here; for one that is not, DejaVu stands in."""

    ids = ("roboflow_core/rich_label_visualization@v1",)
    label = "Rich Label Visualization"
    summary = "Write a smooth label in a TrueType font on each detection."

    class Fields(PaletteDrawing):
        """What is written where; the font in points, other sizes in pixels, ``max_line_length`` in characters."""

        text: Text | StrRef = "Class"
        text_position: Anchor | StrRef = "TOP_LEFT"
        text_color: str | StrRef = "WHITE"
        font_family: Family | StrRef = "Geist Mono"
        text_size_mode: SizeMode | StrRef = "Manual"
        font_size: int | IntRef = 14
        text_padding: int | IntRef = 10
        border_radius: int | IntRef = 0
        max_line_length: int | IntRef | None = None

    def run(self, image: WorkflowImage, predictions: sv.Detections, text: str, **values: Any) -> dict[str, Any]:
        """The image with labels."""
        if values["font_family"] not in FAMILIES:
            raise InvalidRequest(f"font_family is one of {', '.join(FAMILIES)}, not {values['font_family']!r}.")
        drawn = canvas(image)
        if len(predictions):
            writer = sv.RichLabelAnnotator(
                **style(values),
                text_position=position(values["text_position"]),
                text_color=single(values["text_color"]),
                font_path=font_path(values["font_family"]),
                font_size=font_size(image.size, values["font_size"], values["text_size_mode"]),
                text_padding=values["text_padding"],
                border_radius=values["border_radius"],
                max_line_length=values["max_line_length"],
            )
            drawn = writer.annotate(drawn, predictions, labels=labels(predictions, text))
        return {"image": image.replaced(drawn)}
