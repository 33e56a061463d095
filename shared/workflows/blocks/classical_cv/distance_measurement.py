"""How far two objects are apart."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.detections import names
from shared.workflows.fields import FloatRef, ObjectsOrInstancesRef, StepFields, StrRef


class DistanceMeasurement(Block):
    """The gap between two boxes along one axis; 0 when they touch or lie beside each other on it."""

    ids = ("roboflow_core/distance_measurement@v1",)
    label = "Distance Measurement"
    summary = "Measure the gap between two objects in pixels and centimetres."
    category = "classical_computer_vision"
    outputs = {"distance_cm": (kinds.INTEGER,), "distance_pixel": (kinds.INTEGER,)}
    engine = ">=1.0.0,<2.0.0"

    class Fields(StepFields):
        """Centimetres follow from a reference object of known size in them, or from pixels per centimetre."""

        predictions: ObjectsOrInstancesRef
        object_1_class_name: str
        object_2_class_name: str
        reference_axis: Literal["horizontal", "vertical"]
        calibration_method: Literal["reference object", "pixel to centimeter"]
        reference_object_class_name: str | StrRef = "reference-object"
        reference_width: float | FloatRef = 2.5
        reference_height: float | FloatRef = 2.5
        pixel_ratio: float | FloatRef = 100

    def run(
        self,
        predictions: sv.Detections,
        object_1_class_name: str,
        object_2_class_name: str,
        reference_axis: str,
        calibration_method: str,
        **values: Any,
    ) -> dict[str, Any]:
        """The gap in centimetres and in pixels."""
        second = int(object_1_class_name == object_2_class_name)  # two of one class
        one, other = _box(predictions, object_1_class_name), _box(predictions, object_2_class_name, second)
        pixels = gap(one, other, 0 if reference_axis == "horizontal" else 1)
        if pixels == 0:
            return {"distance_cm": 0, "distance_pixel": 0}
        if calibration_method == "reference object":
            ratio = _ratio(predictions, **{name: values[name] for name in _REFERENCE})
        else:
            ratio = float(values["pixel_ratio"])
        if ratio <= 0:
            raise InvalidRequest("pixel_ratio must be greater than 0 pixels per centimetre.")
        return {"distance_cm": pixels / ratio, "distance_pixel": pixels}


_REFERENCE = ("reference_object_class_name", "reference_width", "reference_height")


def gap(one: list[int], other: list[int], axis: int) -> int:
    """Pixels between two boxes [x0, y0, x1, y1] along an axis; 0 when they overlap on it."""
    return max(0, other[axis] - one[axis + 2], one[axis] - other[axis + 2])


def _box(predictions: sv.Detections, name: str, nth: int = 0) -> list[int]:
    """The nth box of that class in whole pixels. Raises InvalidRequest."""
    found = [i for i, other in enumerate(names(predictions)) if other == name]
    if len(found) <= nth:
        raise InvalidRequest(
            f"There is no {'second ' * nth}{name!r} among the detections; its distance cannot be measured."
        )
    box: list[int] = np.round(predictions.xyxy[found[nth]]).astype(int).tolist()
    return box


def _ratio(
    predictions: sv.Detections, reference_object_class_name: str, reference_width: float, reference_height: float
) -> float:
    """Pixels per centimetre: the mean of what the reference object's width and height say."""
    if reference_width <= 0 or reference_height <= 0:
        raise InvalidRequest("reference_width and reference_height must be greater than 0 centimetres.")
    x0, y0, x1, y1 = _box(predictions, reference_object_class_name)
    return ((x1 - x0) / reference_width + (y1 - y0) / reference_height) / 2
