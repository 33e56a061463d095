"""Body and answer of depth estimation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from typing_extensions import override

from api_service.schemas.base import Answer, ImageReference, InferenceRequest

DEPTH_ANYTHING = "depth-anything-v2"


class DepthEstimationRequest(InferenceRequest):
    """Body of `POST /infer/depth-estimation`."""

    model_id: str = Field(default="", description="Absent: `depth-anything-v2/` and the version.")
    image: ImageReference = Field(description="The image.")
    depth_version_id: str | None = Field(default="small", description="The version, where no model_id is given.")
    depth_map_format: Literal["json", "png16", "png8"] | None = Field(
        default="json", description="`normalized_depth` as rows of numbers, or as base64 of a grey PNG."
    )

    @property
    def named(self) -> str:
        """The model's id."""
        return self.model_id or f"{DEPTH_ANYTHING}/{self.depth_version_id or 'small'}"

    @override
    def params(self) -> dict[str, Any]:
        return {**super().params(), "depth_map_format": self.depth_map_format or "json", "visualize": True}


class DepthEstimationAnswer(Answer):
    """How near each pixel is: 1 the nearest of the image, 0 the farthest."""

    normalized_depth: list[list[float]] | str
    depth_map_format: Literal["json", "png16", "png8"]
    image: str = Field(description="Base64 of a JPEG: the map in colours, near ones warm.")
