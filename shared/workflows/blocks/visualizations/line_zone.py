"""Draw a counting line with its counts."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows.blocks.visualizations._drawing import Drawing, Visualization, canvas
from shared.workflows.colors import bgr
from shared.workflows.fields import FloatRef, FractionRef, IntRef, ListRef, StrRef
from shared.workflows.images import WorkflowImage


class LineZone(Visualization):
    """The line's colour is added to the image's; the counts stand at its first point, inside of the image."""

    ids = ("roboflow_core/line_counter_visualization@v1",)
    label = "Line Counter Visualization"
    summary = "Draw a counting line and how many crossed it."

    class Fields(Drawing):
        """``zone``: two points [[x, y], [x, y]]; counts from a line counter; sizes in pixels."""

        zone: list[Any] | ListRef
        color: str | StrRef = "#5bb573"
        thickness: int | IntRef = 2
        text_thickness: int | IntRef = 1
        text_scale: float | FloatRef = 1.0
        count_in: int | IntRef = 0
        count_out: int | IntRef = 0
        opacity: float | FractionRef = 0.3

    def run(self, image: WorkflowImage, zone: Any, **values: Any) -> dict[str, Any]:
        """The drawn image."""
        start, end = line(zone)
        drawn = canvas(image)
        tint = np.zeros_like(drawn)
        cv2.line(tint, start, end, bgr(values["color"]), values["thickness"])
        drawn = np.asarray(cv2.addWeighted(tint, values["opacity"], drawn, 1, 0), np.uint8)
        text = f"in: {values['count_in']}, out: {values['count_out']}"
        drawn = sv.draw_text(
            scene=drawn,
            text=text,
            text_anchor=_inside(start, text, image.size, (values["text_scale"], values["text_thickness"])),
            text_scale=values["text_scale"],
            text_thickness=values["text_thickness"],
            text_padding=0,
            background_color=sv.Color.WHITE,
        )
        return {"image": image.replaced(drawn)}


def _inside(at: tuple[int, int], text: str, image: tuple[int, int], font: tuple[float, int]) -> sv.Point:
    """The centre of the text: ``at``, moved so that none of it is cut off."""
    size, _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, *font)
    x, y = (
        min(max(centre, side // 2 + 1), max(whole - side // 2 - 1, side // 2 + 1))
        for centre, side, whole in zip(at, size, image, strict=True)
    )
    return sv.Point(x, y)


def line(zone: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """The two ends. Raises InvalidRequest."""
    try:
        (x0, y0), (x1, y1) = ((round(float(x)), round(float(y))) for x, y in zone)
    except (TypeError, ValueError):
        raise InvalidRequest("zone is a line: [[x, y], [x, y]].") from None
    return (x0, y0), (x1, y1)
