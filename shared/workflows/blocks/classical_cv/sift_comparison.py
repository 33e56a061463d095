"""Whether two images show the same, by their SIFT features."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import BoolRef, FractionRef, IntRef, Selector, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.vision import features
from shared.workflows.vision.pixels import colour, grey

ArrayRef = Annotated[str, Selector(kinds.ARRAY)]
ImageOrArrayRef = Annotated[str, Selector(kinds.IMAGE, kinds.ARRAY)]


class SiftComparisonV1(Block):
    """Of descriptors that SIFT steps made. A match is good when the second best is clearly worse (Lowe's ratio)."""

    ids = ("roboflow_core/sift_comparison@v1",)
    label = "SIFT Comparison"
    summary = "Compare two images by their SIFT descriptors."
    category = "classical_computer_vision"
    outputs = {"good_matches_count": (kinds.INTEGER,), "images_match": (kinds.BOOLEAN,)}

    class Fields(StepFields):
        """The images match with at least ``good_matches_threshold`` good matches."""

        descriptor_1: ArrayRef
        descriptor_2: ArrayRef
        good_matches_threshold: int | IntRef = 50
        ratio_threshold: float | IntRef = 0.7

    def run(
        self,
        descriptor_1: npt.NDArray[np.float32] | None,
        descriptor_2: npt.NDArray[np.float32] | None,
        good_matches_threshold: int,
        ratio_threshold: float,
    ) -> dict[str, Any]:
        """How many good matches, and whether they are enough."""
        count = len(features.good_matches(descriptor_1, descriptor_2, ratio_threshold))
        return {"good_matches_count": count, "images_match": count >= good_matches_threshold}


class SiftComparisonV2(Block):
    """Of images or descriptors, with pictures of the matches."""

    ids = ("roboflow_core/sift_comparison@v2",)
    label = "SIFT Comparison"
    summary = "Compare two images by their SIFT features, and show the matches."
    category = "classical_computer_vision"
    outputs = {
        "images_match": (kinds.BOOLEAN,),
        "good_matches_count": (kinds.INTEGER,),
        "keypoints_1": (kinds.IMAGE_KEYPOINTS,),
        "descriptors_1": (kinds.ARRAY,),
        "keypoints_2": (kinds.IMAGE_KEYPOINTS,),
        "descriptors_2": (kinds.ARRAY,),
        "visualization_1": (kinds.IMAGE,),
        "visualization_2": (kinds.IMAGE,),
        "visualization_matches": (kinds.IMAGE,),
    }

    class Fields(StepFields):
        """``matcher`` searches approximately (FLANN) or exhaustively (BF); ``visualize`` needs images."""

        input_1: ImageOrArrayRef
        input_2: ImageOrArrayRef
        good_matches_threshold: int | IntRef = 50
        ratio_threshold: float | FractionRef = 0.7
        matcher: Literal["FlannBasedMatcher", "BFMatcher"] | StrRef = "FlannBasedMatcher"
        visualize: bool | BoolRef = False

    def run(self, input_1: Any, input_2: Any, visualize: bool, **values: Any) -> dict[str, Any]:
        """Keypoints are None for inputs that are descriptors; pictures are None unless asked for."""
        inputs = (input_1, input_2)
        found = [_features(value) for value in inputs]
        one, other = found
        exact = values["matcher"] == "BFMatcher"
        matches = features.good_matches(one.descriptors, other.descriptors, values["ratio_threshold"], exact=exact)
        answer: dict[str, Any] = {
            "good_matches_count": len(matches),
            "images_match": len(matches) >= values["good_matches_threshold"],
            "visualization_matches": None,
        }
        for i, (value, has) in enumerate(zip(inputs, found, strict=True), 1):
            image = value if isinstance(value, WorkflowImage) else None
            answer[f"keypoints_{i}"] = None if image is None else features.as_dicts(has.keypoints)
            answer[f"descriptors_{i}"] = has.descriptors
            drawn = image is not None and visualize
            answer[f"visualization_{i}"] = (
                image.replaced(features.drawn(image.pixels, has)) if image and drawn else None
            )
        if visualize and isinstance(input_1, WorkflowImage) and isinstance(input_2, WorkflowImage):
            pictures = (colour(input_1.pixels), one), (colour(input_2.pixels), other)
            answer["visualization_matches"] = input_1.replaced(features.side_by_side(*pictures, matches))
        return answer


def _features(value: Any) -> features.Features:
    if isinstance(value, WorkflowImage):
        return features.sift(grey(value.pixels))
    return features.Features((), None if value is None else np.asarray(value, np.float32))
