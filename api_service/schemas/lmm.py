"""Body and answer of models that write about images."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from api_service.schemas.answers import Detection
from api_service.schemas.base import Answer, InferenceRequest, Written

Stop = Annotated[str, Field(min_length=1, max_length=200)]


class LmmRequest(Written, InferenceRequest):
    """Body of `POST /infer/lmm`."""

    PARAMS: ClassVar[dict[str, str]] = {
        name: name
        for name in ("prompt", "max_new_tokens", "num_beams", "temperature", "top_k", "top_p", "seed", "stop")
    }

    model_id: str = Field(default="", description="The model, unless the path names it.")
    prompt: str | None = Field(
        default=None, max_length=100_000, description="What to do or to answer, in the model's own words for it."
    )
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] | None = Field(default=None, description="Tokens at most.")
    num_beams: Annotated[int, Field(ge=1, le=16)] | None = Field(default=None, description="Texts pursued at once.")
    temperature: Annotated[float, Field(ge=0, le=10)] | None = Field(
        default=None, description="0 is always the likeliest token; more draws more freely."
    )
    top_k: Annotated[int, Field(ge=0, le=100_000)] | None = Field(default=None, description="Draw among so many only.")
    top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="Draw among the likeliest tokens of that probability together."
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        default=None, description="The same seed draws the same text."
    )
    stop: Annotated[list[Stop], Field(max_length=16)] | None = Field(
        default=None, description="Strings before which the text ends."
    )


class LmmAnswer(Answer):
    """What the model wrote: a text, or what its text says of boxes and the like."""

    inference_id: str
    time: float = Field(description="Seconds from the request's arrival to its answer.")
    image: dict[str, Any]
    response: str | dict[str, Any]
    predictions: list[Detection] | None = Field(
        default=None,
        description="Boxes, from models that say where: Moondream2's `detect: ...`, PaliGemma's `detect ...`.",
    )
