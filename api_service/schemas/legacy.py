"""Query of the legacy route. Thresholds may be percentages there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from api_service.schemas.base import Body, Hardware
from api_service.schemas.infer import MaskMode, PictureFormat, Stroke, TradeoffFactor, drawing

# Below this a detector reports thousands of boxes; the original server has the same floor.
LEAST_CONFIDENCE = 0.01


def as_fraction(value: float) -> float:
    """1 and more is a percentage."""
    return value / 100 if value >= 1 else value


def floored(value: float) -> float:
    """Never below the floor."""
    return max(as_fraction(value), LEAST_CONFIDENCE)


def lowered(value: Any) -> Any:
    """Booleans come as ``True`` or ``yes`` from different clients."""
    return value.lower() if isinstance(value, str) else value


Percent = Annotated[float, Field(ge=0, le=100), AfterValidator(as_fraction)]
Confidence = Annotated[float, Field(ge=0, le=100), AfterValidator(floored)] | Literal["best", "default"]
Flag = Annotated[bool, BeforeValidator(lowered)]


class LegacyQuery(Body):
    """Query of `GET` and `POST /{project}/{version}`."""

    api_key: str | None = Field(default=None, description="The API key, where it is not in the header.")
    image: str | None = Field(default=None, description="URL of the image; the body is ignored then.")
    image_type: str = Field(default="base64", description="What the body is; only `base64` is accepted.")
    format: Literal["json", "image", "image_and_json"] = Field(
        default="json", description="`image` answers the picture, `image_and_json` JSON with `visualization`."
    )
    confidence: Confidence | None = Field(default=None, description="Least confidence, 0-1 or percent from 1 up.")
    overlap: Percent | None = Field(default=None, description="IoU of the suppression, 0-1 or percent from 1 up.")
    max_detections: int | None = Field(default=None, ge=1, le=10_000, description="Most boxes in an answer.")
    keypoint_confidence: Percent | None = Field(default=None, description="Least confidence of a keypoint.")
    mask_decode_mode: MaskMode | None = None
    tradeoff_factor: TradeoffFactor | None = None
    response_mask_format: Literal["polygon", "rle"] | None = Field(default=None, description="Form of masks.")
    labels: Flag = Field(default=False, description="Draw class names and confidences.")
    stroke: Stroke = 1
    visualization_format: PictureFormat | None = None
    disable_preproc_auto_orient: Flag = Field(default=False, description="Do not apply the EXIF orientation.")
    hardware: Hardware = "any"

    def params(self) -> dict[str, Any]:
        """What the caller gave, under the engine's names."""
        params: dict[str, Any] = {
            "iou_threshold": self.overlap,
            "max_detections": self.max_detections,
            "keypoint_confidence": self.keypoint_confidence,
            "mask_decode_mode": self.mask_decode_mode,
            "tradeoff_factor": self.tradeoff_factor,
            "response_mask_format": self.response_mask_format,
            "confidence": self.confidence if isinstance(self.confidence, float) else None,
        }
        if self.format != "json":
            params |= drawing(self.stroke, self.visualization_format, labels=self.labels)
        if self.disable_preproc_auto_orient:
            params["auto_orient"] = False
        return {name: value for name, value in params.items() if value is not None}
