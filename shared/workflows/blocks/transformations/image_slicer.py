"""Cut an image into overlapping tiles, to find small objects in them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import FractionRef, ImageRef, IntRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.slices import tiles


class SlicerFields(StepFields):
    """Tiles in pixels, overlap as a share of a tile."""

    image: ImageRef
    slice_width: int | IntRef = 640
    slice_height: int | IntRef = 640
    overlap_ratio_width: float | FractionRef = 0.2
    overlap_ratio_height: float | FractionRef = 0.2


class ImageSlicerV1(Block):
    """Tiles at the right and lower border are smaller."""

    ids = ("roboflow_core/image_slicer@v1",)
    label = "Image Slicer"
    summary = "Cut an image into overlapping tiles."
    category = "transformation"
    outputs = {"slices": (kinds.IMAGE,)}
    output_offset = 1
    Fields = SlicerFields

    def run(self, image: WorkflowImage, **values: Any) -> list[dict[str, Any]]:
        """The tiles, row by row."""
        return sliced(image, values, equal=False)


class ImageSlicerV2(Block):
    """All tiles have one size; those at the border are moved inwards, and none comes twice."""

    ids = ("roboflow_core/image_slicer@v2",)
    label = "Image Slicer"
    summary = "Cut an image into overlapping tiles of one size."
    category = "transformation"
    outputs = {"slices": (kinds.IMAGE,)}
    output_offset = 1
    Fields = SlicerFields

    def run(self, image: WorkflowImage, **values: Any) -> list[dict[str, Any]]:
        """The tiles, row by row."""
        return sliced(image, values, equal=True)


def sliced(image: WorkflowImage, values: dict[str, Any], *, equal: bool) -> list[dict[str, Any]]:
    """The tiles as crops of the image. Raises InvalidRequest for sizes and overlaps that make none or too many."""
    size = values["slice_width"], values["slice_height"]
    overlap = values["overlap_ratio_width"], values["overlap_ratio_height"]
    boxes = tiles(image.size, size, overlap, equal=equal).tolist()
    return [{"slices": image.crop(x0, y0, x1, y1, f"image_slicer.{uuid4()}")} for x0, y0, x1, y1 in boxes]
