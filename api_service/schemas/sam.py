"""Bodies and answers of SAM and SAM2: embed an image once, then ask for the masks of any number of prompts."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import override

from api_service.schemas.base import Answer, Body, ImageReference
from api_service.schemas.embeddings import EmbeddingRequest

MOST_PROMPTS = 1000
ImageId = Annotated[str, Field(max_length=200)]
Pixels = Annotated[float, Field(ge=-1e6, le=1e6)]
Numbers = list[list[list[float]]]


class Sam(EmbeddingRequest):
    """A request for SAM."""

    PREFIX: ClassVar[str] = "sam"
    VERSION: ClassVar[str] = "vit_h"

    sam_version_id: str | None = Field(
        default=VERSION, description="`vit_h`, `vit_l`, `vit_b`; the id is `sam/` and it."
    )
    image_id: ImageId | None = Field(default=None, description="What the image is remembered under.")

    @property
    @override
    def version(self) -> str | None:
        return self.sam_version_id


class SamEmbedding(Sam):
    """Body of `POST /sam/embed_image`."""

    image: ImageReference = Field(description="The image.")
    format: Literal["json", "binary"] | None = Field(default="json", description="Nested lists, or a .npy file.")


class SamSegmentation(Sam):
    """Body of `POST /sam/segment_image`: an image, the id of one that is remembered, or its embedding."""

    image: ImageReference | None = None
    embeddings: list[list[list[list[float]]]] | str | None = Field(
        default=None, description="As `embed_image` answered it; base64 of the .npy file for `binary`."
    )
    embeddings_format: Literal["json", "binary"] | None = "json"
    format: Literal["json", "binary"] | None = Field(
        default="json", description="Outlines, or a .npz file with `masks` and `low_res_masks`."
    )
    orig_im_size: Annotated[list[Annotated[int, Field(ge=1, le=100_000)]], Field(min_length=2, max_length=2)] | None = (
        Field(default=None, description="Height and width of the image that `embeddings` are of.")
    )
    has_mask_input: bool | None = Field(default=False, description="Begin from a mask.")
    mask_input: Numbers | str | None = Field(
        default=None, description="Its logits [1, h, w]; base64 of a .npy file for `binary`; absent: the last answer's."
    )
    mask_input_format: Literal["json", "binary"] | None = "json"
    use_mask_input_cache: bool | None = Field(default=True, description="Remember the mask for the next request.")
    point_coords: Annotated[list[tuple[Pixels, Pixels]], Field(max_length=1000)] = Field(
        default=[(0.0, 0.0)], description="x, y in pixels of the image."
    )
    point_labels: Annotated[list[float], Field(max_length=1000)] = Field(
        default=[-1.0], description="1 on the object, 0 off it, -1 no point, 2 and 3 the corners of a box."
    )

    @model_validator(mode="after")
    def _labelled(self) -> SamSegmentation:
        if len(self.point_coords) != len(self.point_labels):
            raise ValueError("point_labels must be as many as point_coords")
        if not set(self.point_labels) <= {-1, 0, 1, 2, 3}:
            raise ValueError("point_labels are -1, 0, 1, 2 or 3")
        return self


class SamEmbeddingAnswer(Answer):
    """The embedding [1, channels, rows, columns]."""

    embeddings: list[Any]
    time: float = Field(description="Seconds from the request's arrival to its answer.")


class SamSegmentationAnswer(Answer):
    """The mask's largest outline, x and y in pixels; and that of the mask as the net answers it."""

    masks: list[list[list[int]]]
    low_res_masks: list[list[list[int]]]
    time: float = Field(description="Seconds from the request's arrival to its answer.")


class Sam2Point(Body):
    """A point in pixels."""

    x: Pixels
    y: Pixels
    positive: bool = Field(description="On the object, or off it.")


class Sam2Box(Body):
    """A box by its centre, in pixels."""

    x: Pixels
    y: Pixels
    width: Annotated[float, Field(ge=0, le=1e6)]
    height: Annotated[float, Field(ge=0, le=1e6)]


class Sam2Prompt(Body):
    """One object."""

    box: Sam2Box | None = None
    points: Annotated[list[Sam2Point], Field(max_length=1000)] | None = None

    def prompt(self) -> dict[str, Any]:
        """In the engine's words."""
        points = [{"x": point.x, "y": point.y, "label": int(point.positive)} for point in self.points or ()]
        if self.box is None:
            return {"points": points}
        across, down = self.box.width / 2, self.box.height / 2
        corners = (self.box.x - across, self.box.y - down, self.box.x + across, self.box.y + down)
        return {"points": points, "box": corners}


class Sam2Prompts(Body):
    """Objects, each answered by a mask."""

    prompts: Annotated[list[Sam2Prompt], Field(max_length=MOST_PROMPTS)] | None = None


class Sam2(EmbeddingRequest):
    """A request for SAM2."""

    PREFIX: ClassVar[str] = "sam2"
    VERSION: ClassVar[str] = "hiera_large"

    sam2_version_id: str | None = Field(
        default=VERSION, description="`hiera_tiny`, `hiera_small`, ...; the id is `sam2/` and it."
    )
    image: ImageReference = Field(description="The image.")
    image_id: ImageId | None = Field(default=None, description="What the image is remembered under.")

    @property
    @override
    def version(self) -> str | None:
        return self.sam2_version_id


class Sam2Embedding(Sam2):
    """Body of `POST /sam2/embed_image`."""


class Sam2Segmentation(Sam2):
    """Body of `POST /sam2/segment_image`."""

    format: Literal["json", "rle", "binary"] | None = Field(
        default="json", description="Outlines, COCO run lengths, or a .npz file with `masks` and `low_res_masks`."
    )
    prompts: Sam2Prompts | Annotated[list[Sam2Prompt], Field(max_length=MOST_PROMPTS)] | Sam2Prompt | None = Field(
        default=None, description="Objects, as `{prompts: [...]}`, a list or one alone; absent: what stands out."
    )
    multimask_output: bool | None = Field(default=True, description="Answer the best of several masks.")
    save_logits_to_cache: bool | None = Field(default=False, description="Remember the masks, to go on from them.")
    load_logits_from_cache: bool | None = Field(
        default=False, description="Begin each from the remembered mask of the prompt without its last point."
    )

    @model_validator(mode="before")
    @classmethod
    def _as_list(cls, given: Any) -> Any:
        """One shape for the ways in which prompts are written."""
        if not isinstance(given, dict) or "prompts" not in given:
            return given
        prompts = given["prompts"]
        if isinstance(prompts, dict):
            prompts = prompts.get("prompts", [prompts])
        return {**given, "prompts": prompts}

    def objects(self) -> list[dict[str, Any]]:
        """The prompts in the engine's words."""
        asked = self.prompts if isinstance(self.prompts, list) else []
        return [prompt.prompt() for prompt in asked]


class Sam2EmbeddingAnswer(Answer):
    """What the image is remembered under."""

    image_id: str
    time: float = Field(description="Seconds from the request's arrival to its answer.")


class Rle(Answer):
    """COCO's run lengths; the size is height and width."""

    size: list[int]
    counts: str


class Sam2Prediction(Answer):
    """The mask of one prompt: outlines of x and y in pixels, holes among them, or run lengths."""

    masks: list[list[list[int]]] | Rle
    confidence: float
    format: Literal["polygon", "rle"]


class Sam2SegmentationAnswer(Answer):
    """A mask for each prompt, in their order."""

    predictions: list[Sam2Prediction]
    time: float = Field(description="Seconds from the request's arrival to its answer.")
