"""Request parameters, checked once and then immutable.

The API validates too, but jobs also come from elsewhere: whatever a job says, it ends in InvalidRequest or in a
parameter object whose values are safe to compute with. Names that a task does not know are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import InvalidRequest
from worker_service.engine.depth_results import DepthFormat
from worker_service.engine.manifest import Manifest
from worker_service.engine.vision.masks import DecodeMode
from worker_service.engine.vision.nms import NmsMode

MOST_CHARACTERS = 100_000
"""Of one text."""


class Params(BaseModel):
    """What every task understands."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    auto_orient: bool = Field(True, description="Turn the image as its EXIF orientation says before anything else.")
    visualize: bool = Field(False, description="Return the annotated picture beside the predictions.")
    visualization_labels: bool = Field(True, description="Write class and confidence on the picture.")
    visualization_stroke_width: int = Field(2, ge=1, le=64, description="Line width of drawn boxes in pixels.")
    visualization_format: Literal["jpeg", "png"] = Field("jpeg", description="File format of the picture.")


class DetectionParams(Params):
    """Object detection, and what the tasks built on it share. Defaults follow Roboflow's."""

    confidence: float = Field(0.4, ge=0, le=1, description="Boxes are reported whose score is above it.")
    iou_threshold: float = Field(0.3, ge=0, le=1, description="Boxes that overlap a better one by more are dropped.")
    max_detections: int = Field(300, ge=1, le=10_000, description="Boxes reported at most, best first.")
    max_candidates: int = Field(3000, ge=1, le=100_000, description="Boxes considered for suppression, best first.")
    class_filter: tuple[str, ...] | None = Field(
        None, max_length=10_000, description="Only these classes; the others do not take part in suppression either."
    )
    class_agnostic_nms: bool = Field(False, description="Let boxes suppress boxes of other classes.")
    nms_mode: NmsMode = Field(
        "iou", description="What overlap is: intersection over union, or Roboflow's former share of the lesser box."
    )

    @property
    def floor(self) -> np.float32:
        """Boxes count whose score is above it, in single precision whatever the graph's.

        That is the rule of the original code of every family. Roboflow's former server took scores at the threshold
        too, and nets in half precision or quantised hit it: a quarter is one of their values.
        """
        threshold: np.float32 = np.float32(self.confidence)
        below: np.float32 = np.nextafter(threshold, np.float32(-1))
        return threshold if self.nms_mode == "iou" else below


class SegmentationParams(DetectionParams):
    """Instance segmentation."""

    mask_decode_mode: DecodeMode = Field("accurate", description="Masks in source pixels, coarse ones, or between.")
    tradeoff_factor: float = Field(0.0, ge=0, le=1, description="For tradeoff: 0 is as fast, 1 as accurate.")
    response_mask_format: Literal["polygon", "rle"] = Field(
        "polygon", description="Largest outline, or the whole mask as COCO run lengths."
    )


class KeypointParams(DetectionParams):
    """Keypoint detection."""

    keypoint_confidence: float = Field(0.0, ge=0, le=1, description="Lowest confidence of a point that is reported.")


class SemanticParams(Params):
    """Semantic segmentation."""

    confidence: float = Field(0.5, ge=0, le=1, description="Pixels whose best class is less sure are background.")


class DepthParams(Params):
    """Depth estimation."""

    depth_map_format: DepthFormat = Field("png16", description="Rows of numbers, or a PNG of 16 or 8 bits in base64.")


class EmbeddingParams(Params):
    """Embedding of images and texts."""

    texts: tuple[str, ...] | None = Field(
        None, max_length=1000, description="Texts that the answer says the cosine similarity to."
    )


class GenerationParams(Params):
    """Models that write text."""

    prompt: str = Field("", max_length=MOST_CHARACTERS, description="What the model is asked, where it reads a prompt.")
    max_new_tokens: int | None = Field(None, ge=1, le=4096, description="Tokens written at most.")
    num_beams: int | None = Field(None, ge=1, le=16, description="Texts pursued at once; 1 takes the likeliest token.")
    temperature: float = Field(0.0, ge=0, le=10, description="0 is always the likeliest; more draws more freely.")
    top_k: int = Field(0, ge=0, le=100_000, description="Draw among that many tokens only; 0 is all.")
    top_p: float = Field(1.0, gt=0, le=1, description="Draw among the likeliest tokens of that probability together.")
    seed: int | None = Field(None, ge=0, lt=2**63, description="The same seed draws the same text.")
    stop: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        (), max_length=16, description="Strings before which the text ends."
    )


class OcrParams(Params):
    """Finding and reading text."""

    confidence: float = Field(0.5, ge=0, le=1, description="Lines that are read less surely are left out.")


class EasyOcrParams(OcrParams):
    """Reading lines in chosen languages."""

    languages: tuple[Annotated[str, Field(max_length=32)], ...] | None = Field(
        None, min_length=1, max_length=64, description="Codes of the languages whose characters count; absent: all."
    )


class GazeParams(Params):
    """Where faces look."""

    confidence: float = Field(0.9, ge=0, le=1, description="Faces are reported whose score is above it.")
    max_faces: int = Field(100, ge=1, le=1000, description="Faces at most, best first.")
    find_faces: bool | None = Field(
        None, description="Look for faces first; false takes the whole image for one. Absent: if the model can."
    )


class ClassificationParams(Params):
    """Classification, single and multi label."""

    confidence: float = Field(0.4, ge=0, le=1, description="Lowest probability that is reported.")


P = TypeVar("P", bound=Params)


def parse(kind: type[P], values: Mapping[str, Any], manifest: Manifest) -> P:
    """Check a request's values; those missing or None come from the model's manifest, then from the task's defaults.

    Raises:
        InvalidRequest: a value has the wrong type or is out of range; the message names the parameter.
    """
    thresholds = manifest.thresholds
    defaults = {
        "confidence": thresholds.confidence,
        "iou_threshold": thresholds.iou,
        "max_detections": thresholds.max_detections,
        "nms_mode": manifest.nms_mode,
    }
    merged = {name: value for source in (defaults, values) for name, value in source.items() if value is not None}
    try:
        return kind.model_validate(merged)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"Parameter {name!r}: {first['msg']}.", parameter=name) from error
