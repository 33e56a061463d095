"""Draw outlines of masks to edges of the image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import supervision as sv

from shared.workflows import detections as columns
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import FloatRef, ImageRef, InstancesRef, IntRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.edge_snap import SnapRules, edges, gradient, snapped
from shared.workflows.vision.pixels import grey


class MaskEdgeSnap(Block):
    """Each point of an outline moves across it to the strongest near edge; boxes stay as they are."""

    ids = ("roboflow_core/mask_edge_snap@v1",)
    label = "Mask Edge Snap"
    summary = "Draw the outlines of masks to edges of the image."
    category = "classical_computer_vision"
    outputs = {"refined_segmentation": (kinds.INSTANCES,), "edges": (kinds.INSTANCES,)}

    class Fields(StepFields):
        """How far points move, and what counts as an edge: see ``SnapRules``."""

        image: ImageRef
        segmentation: InstancesRef
        pixel_tolerance: int | IntRef = 15
        sigma: float | FloatRef = 1.0
        min_contour_area: float | FloatRef = 50.0
        dilation_iterations: int | IntRef = 2
        boundary_band_width: int | IntRef = 15
        adaptive_window_size: int | IntRef = 41

    def run(self, image: WorkflowImage, segmentation: sv.Detections, **values: Any) -> dict[str, Any]:
        """The detections with new masks, and one detection whose mask is the edges that were found."""
        rules = SnapRules(
            tolerance=values["pixel_tolerance"],
            sigma=values["sigma"],
            min_area=values["min_contour_area"],
            closing=values["dilation_iterations"],
            band=values["boundary_band_width"],
            window=values["adaptive_window_size"],
        )
        strength = gradient(grey(image.pixels))
        masks = [_fitting(mask, image.size) for mask in ([] if segmentation.mask is None else segmentation.mask)]
        found = edges(strength, masks, rules)
        refined = columns.copied(segmentation)
        if masks:
            refined.mask = np.stack([snapped(mask, found, strength, rules.tolerance) for mask in masks])
        return {"refined_segmentation": refined, "edges": _as_detection(found, image)}


def _fitting(mask: Any, size: tuple[int, int]) -> Any:
    """The mask at the image's size."""
    if mask.shape[::-1] == size:
        return np.asarray(mask, bool)
    return cv2.resize(np.asarray(mask, np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)


def _as_detection(found: Any, image: WorkflowImage) -> sv.Detections:
    if not found.any():
        return columns.empty()
    y, x = np.nonzero(found)
    box = [[x.min(), y.min(), x.max() + 1, y.max() + 1]]
    return columns.build(box, [1.0], [0], ["edges"], image, mask=found[None], prediction_type="instance-segmentation")
