"""Body and answer of depth estimation."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from api_service.schemas.base import Answer, ByVersion, ImageReference, InferenceRequest


class DepthEstimationRequest(ByVersion, InferenceRequest):
    """Body of `POST /infer/depth-estimation`."""

    PREFIX: ClassVar[str] = "depth-anything-v2"
    VERSION: ClassVar[str] = "small"

    model_id: str = Field(default="", description="Absent: `depth-anything-v2/` and the version.")
    image: ImageReference = Field(description="The image.")
    depth_version_id: str | None = Field(default=VERSION, description="The version, where no model_id is given.")
    depth_map_format: Literal["json", "png16", "png8"] | None = Field(
        default="json", description="`normalized_depth` as rows of numbers, or as base64 of a grey PNG."
    )

    @property
    @override
    def version(self) -> str | None:
        return self.depth_version_id

    @override
    def params(self) -> dict[str, Any]:
        return {**super().params(), "depth_map_format": self.depth_map_format or "json", "visualize": True}


class DepthEstimationAnswer(Answer):
    """How near each pixel is: 1 the nearest of the image, 0 the farthest."""

    normalized_depth: list[list[float]] | str
    depth_map_format: Literal["json", "png16", "png8"]
    image: str = Field(description="Base64 of a JPEG: the map in colours, near ones warm.")
