"""Turn an image upright by its edges."""

from __future__ import annotations

from typing import Any, Literal

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import FloatRef, ImageRef, IntRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.deskew import edge_angle, wrapped
from shared.workflows.vision.pixels import grey, rotated


class AutoRotateOnEdges(Block):
    """The dominant straight edges become vertical, horizontal, or whichever is nearer. Unsure means unchanged."""

    ids = ("roboflow_core/auto_rotate_on_edges@v1",)
    label = "Auto Rotate on Edges"
    summary = "Turn an image so that its dominant straight edges stand upright or lie level."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,), "angle": (kinds.FLOAT,)}

    class Fields(StepFields):
        """Turns below ``skip_below_degrees`` and above ``max_correction_degrees`` are left out."""

        image: ImageRef
        target_orientation: StrRef | Literal["vertical", "horizontal", "either"] = "vertical"
        skip_below_degrees: float | FloatRef = 0.4
        max_correction_degrees: float | FloatRef = 90.0
        internal_resolution: int | IntRef = 1000

    def run(
        self,
        image: WorkflowImage,
        target_orientation: str,
        skip_below_degrees: float,
        max_correction_degrees: float,
        internal_resolution: int,
    ) -> dict[str, Any]:
        """The turned image and by how many degrees it was turned counter-clockwise; 0.0 when it was not."""
        if target_orientation not in ("vertical", "horizontal", "either"):
            raise InvalidRequest(f"target_orientation is vertical, horizontal or either, not {target_orientation!r}.")
        if internal_resolution < 8:
            raise InvalidRequest("internal_resolution must be at least 8 pixels.")
        angle = edge_angle(grey(image.pixels), internal_resolution)
        if angle is not None:
            turned = angle - 90 if target_orientation == "horizontal" else angle
            angle = wrapped(turned, 90 if target_orientation == "either" else 180)
        if angle is None or not skip_below_degrees <= abs(angle) <= max_correction_degrees:
            return {"image": image, "angle": 0.0}
        return {"image": image.replaced(rotated(image.pixels, angle)), "angle": angle}
