"""Bodies and answers of the routes that say where faces look."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from typing_extensions import override

from api_service.schemas.answers import Detection, InferenceAnswer, Point
from api_service.schemas.base import Answer, ByVersion, InferenceRequest, OneOrMoreImages

Share = Annotated[float, Field(ge=0, le=1)]


class GazeRequest(InferenceRequest):
    """Body of `POST /infer/gaze_detection`."""

    PARAMS: ClassVar[dict[str, str]] = {"confidence": "confidence", "do_run_face_detection": "find_faces"}

    do_run_face_detection: bool | None = Field(
        default=None, description="Look for faces; false takes the whole image for one. Absent: if the model can."
    )
    confidence: Share | None = Field(default=None, description="Faces are reported whose score is above it.")
    visualize_predictions: bool | None = Field(default=False, description="Return the annotated picture too.")

    @override
    def params(self) -> dict[str, Any]:
        picture = {"visualize": True} if self.visualize_predictions else {}
        return {**super().params(), **picture}


class GazeDetectionRequest(ByVersion, GazeRequest):
    """Body of `POST /gaze/gaze_detection`."""

    PREFIX: ClassVar[str] = "gaze"
    VERSION: ClassVar[str] = "L2CS"

    model_id: str = Field(default="", description="The model; absent: the usual id of the version.")
    image: OneOrMoreImages = Field(description="One image or a list; answered by a list.")
    gaze_version_id: str | None = Field(default=VERSION, description="The id is `gaze/` and it.")
    do_run_face_detection: bool | None = Field(
        default=True, description="Look for faces first; false takes the whole image for one."
    )

    @property
    @override
    def version(self) -> str | None:
        return self.gaze_version_id

    @override
    def params(self) -> dict[str, Any]:
        return {**super().params(), "find_faces": self.do_run_face_detection is not False}


class Face(Detection):
    """A face in pixels of the source image."""

    landmarks: list[Point] = Field(description="Eyes, nose and corners of the mouth; none of an image taken as a face.")


class Gaze(Answer):
    """A face and where it looks."""

    face: Face
    yaw: float = Field(description="Radians; positive is to the left of the picture.")
    pitch: float = Field(description="Radians; positive is up.")


class GazeAnswer(InferenceAnswer):
    """Answer of `/infer/gaze_detection`."""

    predictions: list[Gaze]


class GazeDetectionAnswer(Answer):
    """One image's answer of `/gaze/gaze_detection`, which is a list of them."""

    predictions: list[Gaze]
    time: float = Field(description="Seconds from the request's arrival to its answer.")
    time_face_det: float | None = None
    time_gaze_det: float | None = None
