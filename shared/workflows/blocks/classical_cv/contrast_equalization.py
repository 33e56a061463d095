"""Even out the brightness of an image."""

from __future__ import annotations

from typing import Any, Literal

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.contrast import equalize, equalize_adaptively, stretch_percentiles

_WAYS = {
    "Contrast Stretching": stretch_percentiles,
    "Histogram Equalization": equalize,
    "Adaptive Equalization": equalize_adaptively,
}


class ContrastEqualization(Block):
    """Stretched between the percentiles 2 and 98, or with brightness spread evenly over all or tile by tile."""

    ids = ("roboflow_core/contrast_equalization@v1",)
    label = "Contrast Equalization"
    summary = "Even out the brightness of an image."
    category = "classical_computer_vision"
    outputs = {"image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """The image and how."""

        image: ImageRef
        equalization_type: (
            StrRef | Literal["Contrast Stretching", "Histogram Equalization", "Adaptive Equalization"]
        ) = "Histogram Equalization"

    def run(self, image: WorkflowImage, equalization_type: str) -> dict[str, Any]:
        """The image with other contrast."""
        if equalization_type not in _WAYS:
            raise InvalidRequest(f"equalization_type is one of {', '.join(_WAYS)}, not {equalization_type!r}.")
        return {"image": image.replaced(_WAYS[equalization_type](image.pixels))}
