"""Join two overlapping images."""

from __future__ import annotations

from typing import Any

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import FractionRef, ImageRef, IntRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.stitching import stitched


class StitchImages(Block):
    """Common SIFT features give the mapping from one to the other; without enough of them the answer is None."""

    ids = ("roboflow_core/stitch_images@v1",)
    label = "Stitch Images"
    summary = "Join two images that show parts of one scene."
    category = "transformation"
    outputs = {"stitched_image": (kinds.IMAGE,)}

    class Fields(StepFields):
        """The error in pixels that a match may have, and how many candidates of a match are compared."""

        image1: ImageRef
        image2: ImageRef
        max_allowed_reprojection_error: float | FractionRef | None = 3
        count_of_best_matches_per_query_descriptor: int | IntRef | None = 2

    def run(
        self,
        image1: WorkflowImage,
        image2: WorkflowImage,
        max_allowed_reprojection_error: float | None,
        count_of_best_matches_per_query_descriptor: int | None,
    ) -> dict[str, Any]:
        """The joined image, a root of its own, or None."""
        candidates = count_of_best_matches_per_query_descriptor
        if candidates is not None and abs(round(candidates)) < 1:
            raise InvalidRequest("count_of_best_matches_per_query_descriptor must be greater than 0.")
        error = 3.0 if max_allowed_reprojection_error is None else abs(float(max_allowed_reprojection_error))
        pixels = stitched(image1.pixels, image2.pixels, error)
        name = f"{image1.parent_id} + {image2.parent_id}"
        return {"stitched_image": None if pixels is None else WorkflowImage.from_pixels(pixels, name)}
