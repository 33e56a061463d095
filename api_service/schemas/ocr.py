"""Bodies and answer of the routes that read text in images."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator
from typing_extensions import Self, override

from api_service.schemas.answers import Detection, ImageSize
from api_service.schemas.base import Answer, ByVersion, InferenceRequest, OneOrMoreImages, Written

Stage = Literal["none", "tiny", "small", "medium"]


class OcrRequest(ByVersion, InferenceRequest):
    """What these requests share."""

    model_id: str = Field(default="", description="The model; absent: the usual id of the version.")
    image: OneOrMoreImages = Field(description="One image, answered by one object, or a list, answered by a list.")

    @property
    def boxes(self) -> bool:
        """Whether boxes are answered, where the model has them."""
        return True


class TrocrRequest(Written, OcrRequest):
    """Body of `POST /ocr/trocr`: one line of text per image."""

    PREFIX: ClassVar[str] = "trocr"
    VERSION: ClassVar[str] = "trocr-base-printed"
    PARAMS: ClassVar[dict[str, str]] = {
        "max_new_tokens": "max_new_tokens",
        "num_beams": "num_beams",
        "confidence": "confidence",
    }

    trocr_version_id: str | None = Field(default=VERSION, description="The id is `trocr/` and it.")
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] | None = Field(default=None, description="Tokens at most.")
    num_beams: Annotated[int, Field(ge=1, le=16)] | None = Field(
        default=None, description="Texts pursued at once; 1 takes the likeliest token."
    )
    confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="For models that look for text, which this route reads with too: the least sure."
    )

    @property
    @override
    def version(self) -> str | None:
        return self.trocr_version_id


class PpOcrRequest(OcrRequest):
    """Body of `POST /ocr/pp-ocr`: finds text and reads it. The id is `pp_ocr/` and both stages, `small-small`."""

    PREFIX: ClassVar[str] = "pp_ocr"
    PARAMS: ClassVar[dict[str, str]] = {"confidence": "confidence"}

    text_detection: Stage | None = Field(default="small", description="Size of the net that finds text.")
    text_recognition: Stage | None = Field(default="small", description="Size of the net that reads it.")
    pp_ocr_version_id: str | None = Field(default=None, description="Both in one: `small-small`, or `small`.")
    confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Lines that are read less surely are left out."
    )

    @model_validator(mode="after")
    def _stages(self) -> Self:
        stages = self.version.split("-")
        if len(stages) != 2 or not set(stages) <= set(get_args(Stage)) or set(stages) == {"none"}:
            raise ValueError("a stage is none, tiny, small or medium, and one of the two is not none")
        return self

    @property
    @override
    def version(self) -> str:
        if {"text_detection", "text_recognition"} & self.model_fields_set or not self.pp_ocr_version_id:
            return f"{self.text_detection or 'none'}-{self.text_recognition or 'none'}"
        known = self.pp_ocr_version_id
        return known if "-" in known else f"{known}-{known}"


class DoctrRequest(OcrRequest):
    """Body of `POST /doctr/ocr`: finds the words of a page and reads them."""

    PREFIX: ClassVar[str] = "doctr"
    VERSION: ClassVar[str] = "default"
    PARAMS: ClassVar[dict[str, str]] = {"confidence": "confidence"}

    doctr_version_id: str | None = Field(default=VERSION, description="The id is `doctr/` and it.")
    generate_bounding_boxes: bool | None = Field(default=False, description="Answer where each word is, too.")
    confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Words that are read less surely are left out."
    )

    @property
    @override
    def version(self) -> str | None:
        return self.doctr_version_id

    @property
    @override
    def boxes(self) -> bool:
        return bool(self.generate_bounding_boxes)


class EasyOcrRequest(OcrRequest):
    """Body of `POST /easy_ocr/ocr`: finds lines and reads them."""

    PREFIX: ClassVar[str] = "easy_ocr"
    VERSION: ClassVar[str] = "english_g2"
    PARAMS: ClassVar[dict[str, str]] = {"confidence": "confidence"}

    easy_ocr_version_id: str | None = Field(default=VERSION, description="The id is `easy_ocr/` and it.")
    language_codes: Annotated[list[Annotated[str, Field(max_length=32)]], Field(min_length=1, max_length=64)] | None = (
        Field(default=["en"], description="Languages whose characters count, where the model knows them; null is all.")
    )
    quantize: bool | None = Field(
        default=False, description="Taken and not needed: quantised graphs are models of their own."
    )
    confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Lines that are read less surely are left out."
    )

    @property
    @override
    def version(self) -> str | None:
        return self.easy_ocr_version_id

    @override
    def params(self) -> dict[str, Any]:
        languages = {"languages": self.language_codes} if self.language_codes else {}
        return {**super().params(), **languages}


class OcrAnswer(Answer):
    """The text of one image."""

    result: str = Field(description="The whole text, lines in reading order.")
    time: float = Field(description="Seconds from the request's arrival to its answer.")
    parent_id: Any
    image: ImageSize | None = None
    predictions: list[Detection] | None = Field(
        default=None, description="Where each piece of text is; `class` is the text."
    )
