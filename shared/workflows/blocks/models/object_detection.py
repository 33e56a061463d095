"""Detect objects."""

from __future__ import annotations

from typing import ClassVar

from shared.workflows import kinds
from shared.workflows.blocks.models._model import Confidence, ConfidenceMode, ModelBlock, Suppression, outputs
from shared.workflows.fields import BoolRef


class Nullable(Suppression):
    """``class_agnostic_nms`` may be null, which is false."""

    class_agnostic_nms: bool | BoolRef | None = False  # type: ignore[assignment] # wider than its peers', as it is used


class ObjectDetection(ModelBlock):
    """Boxes, each with a class and a confidence."""

    ids: ClassVar[tuple[str, ...]] = (
        "roboflow_core/roboflow_object_detection_model@v1",
        "RoboflowObjectDetectionModel",
        "ObjectDetectionModel",
    )
    label = "Object Detection Model"
    summary = "Detect objects and their boxes."
    task = "object-detection"
    outputs = outputs(kinds.OBJECTS, 1)

    class Fields(Confidence, Nullable):
        """A confidence, and how boxes are reduced."""


class ObjectDetection2(ObjectDetection):
    """Also tells which model it was."""

    ids = ("roboflow_core/roboflow_object_detection_model@v2",)
    outputs = outputs(kinds.OBJECTS, 2)


class ObjectDetection3(ObjectDetection2):
    """Can leave the confidence to the model."""

    ids = ("roboflow_core/roboflow_object_detection_model@v3",)

    class Fields(ConfidenceMode, Nullable):
        """A way to choose the confidence, and how boxes are reduced."""
