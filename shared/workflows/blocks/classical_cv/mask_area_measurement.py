"""How large objects are."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.detections import AREA_CONVERTED, AREA_PX, copied
from shared.workflows.fields import FloatRef, Selector, StepFields


class MaskAreaMeasurement(Block):
    """Pixels of the mask, holes not counted; of the box where there is no mask or it is empty."""

    ids = ("roboflow_core/mask_area_measurement@v1",)
    label = "Mask Area Measurement"
    summary = "Measure the areas of objects in pixels and in units of your own."
    category = "transformation"
    outputs = {"predictions": (kinds.OBJECTS, kinds.INSTANCES)}

    class Fields(StepFields):
        """``pixels_per_unit`` is a length: 10 for ten pixels per centimetre; 0 and less count as 1."""

        predictions: Annotated[str, Selector(kinds.INSTANCES, kinds.OBJECTS)]
        pixels_per_unit: float | FloatRef = 1.0

    def run(self, predictions: sv.Detections, pixels_per_unit: float) -> dict[str, Any]:
        """The detections with ``area_px`` in square pixels and ``area_converted`` in square units."""
        made = copied(predictions)
        areas = (made.xyxy[:, 2:] - made.xyxy[:, :2]).prod(axis=1).astype(float)
        if made.mask is not None:
            pixels = np.asarray(made.mask).reshape(len(made), -1).sum(axis=1)
            areas = np.where(pixels > 0, pixels, areas).astype(float)
        made.data[AREA_PX] = areas
        made.data[AREA_CONVERTED] = areas / (pixels_per_unit**2 if pixels_per_unit > 0 else 1.0)
        return {"predictions": made}
