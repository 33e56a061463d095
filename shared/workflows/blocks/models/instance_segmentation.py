"""Detect objects and their shapes."""

from __future__ import annotations

from typing import ClassVar, Literal

from shared.workflows import kinds
from shared.workflows.blocks.models._model import Confidence, ConfidenceMode, ModelBlock, Suppression, outputs
from shared.workflows.fields import BoolRef, FractionRef, StrRef


class Masks(Suppression):
    """How exactly masks are worked out."""

    mask_decode_mode: Literal["accurate", "tradeoff", "fast"] | StrRef = "accurate"
    tradeoff_factor: float | FractionRef = 0.0


class DenseMasks(Masks):
    """A field of another engine's memory use, accepted and ignored."""

    enforce_dense_masks_in_inference_models: bool | BoolRef = True


class InstanceSegmentation(ModelBlock):
    """Boxes with a mask each."""

    ids: ClassVar[tuple[str, ...]] = (
        "roboflow_core/roboflow_instance_segmentation_model@v1",
        "RoboflowInstanceSegmentationModel",
        "InstanceSegmentationModel",
    )
    label = "Instance Segmentation Model"
    summary = "Detect objects and their shapes."
    task = "instance-segmentation"
    extra = {"response_mask_format": "rle"}
    outputs = outputs(kinds.INSTANCES, 1)

    class Fields(Confidence, DenseMasks):
        """A confidence, how boxes are reduced, and how masks are made."""


class InstanceSegmentation2(InstanceSegmentation):
    """Also tells which model it was."""

    ids = ("roboflow_core/roboflow_instance_segmentation_model@v2",)
    outputs = outputs(kinds.INSTANCES, 2)


class InstanceSegmentation3(InstanceSegmentation2):
    """Can leave the confidence to the model."""

    ids = ("roboflow_core/roboflow_instance_segmentation_model@v3",)

    class Fields(ConfidenceMode, DenseMasks):
        """A way to choose the confidence, how boxes are reduced, and how masks are made."""


class InstanceSegmentation4(InstanceSegmentation2):
    """Masks are sent as run lengths instead of outlines."""

    ids = ("roboflow_core/roboflow_instance_segmentation_model@v4",)
    outputs = outputs((kinds.RLE_INSTANCES, kinds.INSTANCES), 4)

    class Fields(ConfidenceMode, Masks):
        """A way to choose the confidence, how boxes are reduced, and how masks are made."""
