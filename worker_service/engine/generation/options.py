"""How a model generates: what its folder says, and what a request asks for.

The names are those of Hugging Face's ``generation_config.json``, which is read where the folder has one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.params import GenerationParams

FILE = "generation_config.json"
MOST_TOKENS = 4096


class Options(BaseModel):
    """``generation`` in model.json; what it leaves out comes from ``generation_config.json``.

    ``eos_token_id`` ends a text, several may. ``context_length`` is what the decoder has positions for.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    eos_token_id: tuple[int, ...] = Field(min_length=1)
    decoder_start_token_id: int = Field(0, ge=0)
    pad_token_id: int | None = None
    forced_bos_token_id: int | None = None
    forced_eos_token_id: int | None = None
    suppress_tokens: tuple[int, ...] = ()
    max_new_tokens: int | None = Field(None, ge=1)
    max_length: int | None = Field(None, ge=2)
    context_length: int = Field(512, ge=2)
    num_beams: int = Field(1, ge=1, le=16)
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False
    no_repeat_ngram_size: int = Field(0, ge=0)
    repetition_penalty: float = Field(1.0, gt=0)

    @field_validator("eos_token_id", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return value if isinstance(value, (list, tuple)) else [value]

    @field_validator(
        "early_stopping", "length_penalty", "num_beams", "no_repeat_ngram_size", "suppress_tokens", mode="before"
    )
    @classmethod
    def _unset(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].default if value is None else value


@dataclass(frozen=True)
class Ask:
    """What one text is generated with. ``temperature`` 0 takes the likeliest token, always."""

    eos: frozenset[int]
    max_new_tokens: int
    beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False
    no_repeat: int = 0
    repetition_penalty: float = 1.0
    forced_first: int | None = None
    forced_last: int | None = None
    suppressed: tuple[int, ...] = ()
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


def options_of(package: Package) -> Options:
    """What the model's folder says. Raises ModelLoadFailed."""
    stated: dict[str, Any] = {}
    if FILE in package.manifest.files:
        try:
            stated = json.loads((package.root / FILE).read_bytes())
        except (OSError, ValueError) as error:
            raise ModelLoadFailed(f"{FILE} cannot be read.") from error
    own = (package.manifest.model_extra or {}).get("generation", {})
    try:
        return Options.model_validate({**{k: v for k, v in stated.items() if v is not None}, **own})
    except (ValidationError, TypeError) as error:
        named = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, ValidationError) else "generation"
        raise ModelLoadFailed(
            f"Model {package.manifest.id}: {named!r} of 'generation' in model.json is missing or wrong."
        ) from error


def ask_of(params: GenerationParams, options: Options, prompt_length: int = 1) -> Ask:
    """The request's wishes, the model's where it has none; never more tokens than there are positions for."""
    room = options.context_length - prompt_length
    default = options.max_new_tokens or (options.max_length or options.context_length) - prompt_length
    sampled = params.temperature > 0
    return Ask(
        eos=frozenset(options.eos_token_id),
        max_new_tokens=max(1, min(params.max_new_tokens or default, room)),
        beams=1 if sampled else params.num_beams or options.num_beams,
        length_penalty=options.length_penalty,
        early_stopping=options.early_stopping,
        no_repeat=options.no_repeat_ngram_size,
        repetition_penalty=options.repetition_penalty,
        forced_first=options.forced_bos_token_id,
        forced_last=options.forced_eos_token_id,
        suppressed=options.suppress_tokens,
        temperature=params.temperature,
        top_k=params.top_k,
        top_p=params.top_p,
        seed=params.seed,
        stop=params.stop,
    )
