"""Write text on an image."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from shared.workflows.blocks.visualizations._drawing import Visualization, canvas
from shared.workflows.blocks.visualizations._text_box import Look, TextBox, anchored, draw
from shared.workflows.colors import bgr
from shared.workflows.fields import AnyRef, BoolRef, FloatRef, FractionRef, ImageRef, IntRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.uql import AnyOperation
from shared.workflows.uql.named import filled

Anchor = Literal[
    "center", "top_left", "top_center", "top_right", "bottom_left", "bottom_center", "bottom_right",
    "center_left", "center_right",
]  # fmt: skip


class TextDisplay(Visualization):
    """Several lines, on a plate, at a place of the image or by one of its corners. The plate stays inside the image."""

    ids = ("roboflow_core/text_display@v1",)
    label = "Text Display"
    summary = "Write text with values from other steps on an image."
    engine = ">=1.4.0,<2.0.0"

    class Fields(StepFields):
        """``text`` with ``{{ $parameters.name }}`` for values; sizes in pixels; "transparent" leaves out the plate."""

        image: ImageRef
        text: str
        text_parameters: dict[str, AnyRef | str | int | float | bool] = Field(default_factory=dict)
        text_parameters_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        text_color: str | StrRef = "WHITE"
        background_color: str | StrRef = "BLACK"
        background_opacity: float | FractionRef = 1.0
        font_scale: float | FloatRef = 1.0
        font_thickness: int | IntRef = 2
        padding: int | IntRef = 10
        text_align: Literal["left", "center", "right"] | StrRef = "left"
        border_radius: int | IntRef = 0
        position_mode: Literal["absolute", "relative"] | StrRef = "relative"
        position_x: int | IntRef = 0
        position_y: int | IntRef = 0
        anchor: Anchor | StrRef = "top_left"
        offset_x: int | IntRef = 10
        offset_y: int | IntRef = 10
        copy_image: bool | BoolRef = True

    def run(
        self,
        image: WorkflowImage,
        text: str,
        text_parameters: dict[str, Any],
        text_parameters_operations: dict[str, list[AnyOperation]],
        **values: Any,
    ) -> dict[str, Any]:
        """The image with the text."""
        drawn = canvas(image)
        words = filled(text, text_parameters, text_parameters_operations)
        box = TextBox.of(words.split("\n"), values["font_scale"], values["font_thickness"], values["padding"])
        if values["position_mode"] == "absolute":
            corner = values["position_x"], values["position_y"]
        else:
            offset = values["offset_x"], values["offset_y"]
            corner = anchored(values["anchor"], offset, (box.width, box.height), image.size)
        plate = values["background_color"]
        look = Look(
            align=values["text_align"],
            color=bgr(values["text_color"]),
            plate=None if plate.lower() == "transparent" else bgr(plate),
            opacity=values["background_opacity"],
            radius=values["border_radius"],
        )
        draw(drawn, box, corner, look)
        return {"image": image.replaced(drawn)}
