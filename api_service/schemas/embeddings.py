"""Bodies and answers of the embedding routes: images and texts as vectors, and how alike they are."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from api_service.schemas.base import Answer, ByVersion, Hardware, ImageReference, OneOrMoreImages

MOST_CHARACTERS = 100_000
Text = Annotated[str, Field(max_length=MOST_CHARACTERS)]
Media = Literal["image", "text"]


class EmbeddingRequest(ByVersion):
    """What these requests share."""

    id: str | None = Field(default=None, description="Echoed as `inference_id`; made up when absent.")
    api_key: str | None = Field(default=None, description="The API key, where it is not in the header.")
    hardware: Hardware | None = "any"


class Clip(EmbeddingRequest):
    """A request for CLIP."""

    PREFIX: ClassVar[str] = "clip"
    VERSION: ClassVar[str] = "ViT-B-16"

    clip_version_id: str | None = Field(
        default=VERSION, description="`RN50`, `ViT-B-32`, ...; the id is `clip/` and it."
    )

    @property
    @override
    def version(self) -> str | None:
        return self.clip_version_id


class PerceptionEncoder(EmbeddingRequest):
    """A request for Perception Encoder."""

    PREFIX: ClassVar[str] = "perception_encoder"
    VERSION: ClassVar[str] = "PE-Core-L14-336"

    perception_encoder_version_id: str | None = Field(
        default=VERSION, description="The id is `perception_encoder/` and it."
    )

    @property
    @override
    def version(self) -> str | None:
        return self.perception_encoder_version_id


class Images(EmbeddingRequest):
    """Images to embed."""

    image: OneOrMoreImages = Field(description="One image or a list; the answer has a vector for each.")


class Texts(EmbeddingRequest):
    """Texts to embed."""

    text: Text | Annotated[list[Text], Field(min_length=1)] = Field(
        description="One text or a list; the answer has a vector for each."
    )


Item = ImageReference | Text
Items = Annotated[
    Item | Annotated[list[Item], Field(min_length=1)] | Annotated[dict[str, Item], Field(min_length=1)],
    Field(union_mode="left_to_right"),  # what is an image is no map of the texts ``type`` and ``value``
]


class Comparison(EmbeddingRequest):
    """One thing to compare with others."""

    subject: Item = Field(description="An image or a text, as `subject_type` says.")
    subject_type: Media = "image"
    prompt: Items = Field(description="One, a list, or a map of names, answered in kind; as `prompt_type` says.")
    prompt_type: Media = "text"


class EmbeddingAnswer(Answer):
    """A vector for each input, of any length."""

    inference_id: str
    frame_id: None
    time: float = Field(description="Seconds from the request's arrival to its answer.")
    embeddings: list[list[float]]


class ComparisonAnswer(Answer):
    """The cosine of the angle between the subject and each prompt, -1 to 1."""

    inference_id: str
    frame_id: None
    time: float = Field(description="Seconds from the request's arrival to its answer.")
    similarity: list[float] | dict[str, float]
    parent_id: Any


class ClipImages(Clip, Images):
    """Body of `POST /clip/embed_image`."""


class ClipTexts(Clip, Texts):
    """Body of `POST /clip/embed_text`."""


class ClipComparison(Clip, Comparison):
    """Body of `POST /clip/compare`."""


class PerceptionEncoderImages(PerceptionEncoder, Images):
    """Body of `POST /perception_encoder/embed_image`."""


class PerceptionEncoderTexts(PerceptionEncoder, Texts):
    """Body of `POST /perception_encoder/embed_text`."""


class PerceptionEncoderComparison(PerceptionEncoder, Comparison):
    """Body of `POST /perception_encoder/compare`."""
