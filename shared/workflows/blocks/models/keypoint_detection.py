"""Detect objects and points of theirs."""

from __future__ import annotations

from typing import ClassVar

from shared.workflows import kinds
from shared.workflows.blocks.models._model import Confidence, ModelBlock, PlainConfidenceMode, Suppression, outputs
from shared.workflows.fields import FractionRef


class Points(Suppression):
    """Points below ``keypoint_confidence`` are left out."""

    keypoint_confidence: float | FractionRef = 0.0


class KeypointDetection(ModelBlock):
    """Boxes with named points each."""

    ids: ClassVar[tuple[str, ...]] = (
        "roboflow_core/roboflow_keypoint_detection_model@v1",
        "RoboflowKeypointDetectionModel",
        "KeypointsDetectionModel",
    )
    label = "Keypoint Detection Model"
    summary = "Detect objects and points of theirs, such as joints."
    task = "keypoint-detection"
    outputs = outputs(kinds.KEYPOINTS, 1)

    class Fields(Confidence, Points):
        """Confidences of boxes and points, and how boxes are reduced."""


class KeypointDetection2(KeypointDetection):
    """Also tells which model it was."""

    ids = ("roboflow_core/roboflow_keypoint_detection_model@v2",)
    outputs = outputs(kinds.KEYPOINTS, 2)


class KeypointDetection3(KeypointDetection2):
    """Can leave the confidence to the model."""

    ids = ("roboflow_core/roboflow_keypoint_detection_model@v3",)

    class Fields(PlainConfidenceMode, Points):
        """A way to choose the confidence, and how boxes are reduced."""
