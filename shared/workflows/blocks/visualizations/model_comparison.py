"""Show where two models differ."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.blocks.visualizations._drawing import Drawing, Visualization, canvas, masked
from shared.workflows.colors import bgr
from shared.workflows.fields import FractionRef, Selector, StrRef
from shared.workflows.images import WorkflowImage

AnyBoxes = Annotated[str, Selector(kinds.OBJECTS, kinds.INSTANCES, kinds.RLE_INSTANCES, kinds.KEYPOINTS)]


class ModelComparison(Visualization):
    """What both found stays as it is; what only one found has its colour, what none found that of the background."""

    ids = ("roboflow_core/model_comparison_visualization@v1",)
    label = "Model Comparison Visualization"
    summary = "Colour what only one of two models found."

    class Fields(Drawing):
        """Two sets of detections of the image, and their colours."""

        predictions_a: AnyBoxes
        color_a: str | StrRef = "GREEN"
        predictions_b: AnyBoxes
        color_b: str | StrRef = "RED"
        background_color: str | StrRef = "BLACK"
        opacity: float | FractionRef = 0.7

    def run(
        self, image: WorkflowImage, predictions_a: sv.Detections, predictions_b: sv.Detections, **values: Any
    ) -> dict[str, Any]:
        """The coloured image."""
        one, other = (_covered(found, image.size) for found in (predictions_a, predictions_b))
        drawn = canvas(image)
        parts = ((one & ~other, "color_a"), (other & ~one, "color_b"), (~one & ~other, "background_color"))
        for where, color in parts:
            blended = drawn[where] * (1 - values["opacity"]) + np.array(bgr(values[color])) * values["opacity"]
            drawn[where] = blended.round().astype(np.uint8)
        return {"image": image.replaced(drawn)}


def _covered(found: sv.Detections, size: tuple[int, int]) -> Any:
    """Which pixels [H, W] any detection covers."""
    if not len(found):
        return np.zeros(size[::-1], bool)
    return np.asarray(masked(found, size).mask, bool).any(axis=0)
