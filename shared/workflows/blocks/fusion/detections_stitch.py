"""Bring detections of an image's parts together in the image."""

from __future__ import annotations

from typing import Any, Literal

import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.detections import PARENT_COORDINATES, ROOT_PARENT_ID, attach, empty, moved, to_root
from shared.workflows.fields import FractionRef, ImageRef, ObjectsOrInstancesRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.merging import merged


class DetectionsStitch(Block):
    """Objects that several parts show are one: by suppression of all but the surest, or by merging them."""

    ids = ("roboflow_core/detections_stitch@v1",)
    label = "Detections Stitch"
    summary = "Bring detections of an image's parts together in the image."
    category = "fusion"
    outputs = {"predictions": (kinds.OBJECTS, kinds.INSTANCES)}
    input_offsets = {"predictions": 1}
    reference = "reference_image"

    class Fields(StepFields):
        """``predictions`` are those of crops or slices of ``reference_image``."""

        reference_image: ImageRef
        predictions: ObjectsOrInstancesRef
        overlap_filtering_strategy: Literal["none", "nms", "nmm"] | StrRef = "nms"
        iou_threshold: float | FractionRef = 0.3

    def run(
        self,
        reference_image: WorkflowImage,
        predictions: Batch[sv.Detections],
        overlap_filtering_strategy: str,
        iou_threshold: float,
    ) -> dict[str, Any]:
        """Detections in the coordinates of the image. Raises InvalidRequest for an unknown strategy."""
        if overlap_filtering_strategy not in ("none", "nms", "nmm"):
            raise InvalidRequest(f"overlap_filtering_strategy is none, nms or nmm, not {overlap_filtering_strategy!r}.")
        found = merged([_placed(part, reference_image) for part in predictions if len(part)])
        if not len(found):
            return {"predictions": empty()}
        if overlap_filtering_strategy == "nms":
            found = found.with_nms(threshold=iou_threshold)
        elif overlap_filtering_strategy == "nmm":
            found = found.with_nmm(threshold=iou_threshold)
        return {"predictions": attach(found, reference_image)}


def _placed(part: sv.Detections, image: WorkflowImage) -> sv.Detections:
    """The part's detections where they are in the image, be that the root or a crop itself."""
    if not image.is_crop and str(part.data[ROOT_PARENT_ID][0]) == image.root_id:
        return to_root(part)
    x, y = (float(value) for value in part.data[PARENT_COORDINATES][0])
    return moved(part, x, y, image.size)
