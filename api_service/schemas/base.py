"""Parts that every request shares. Unknown fields are ignored: clients of other servers send many."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

HARDWARE_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
Hardware = Annotated[
    str,
    Field(pattern=HARDWARE_PATTERN, description="Tag of the worker pool to run on (`cpu`, `gpu`, `jetson`) or `any`."),
]


class Body(BaseModel):
    """A request body: extra fields ignored, NaN and infinity refused, `model_` names allowed."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), allow_inf_nan=False)


class StrictBody(Body):
    """A request body of ``/v1``: an unknown field is refused, because it is a typing error more often than not."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """An answer as documented in OpenAPI; answers are written from plain dicts, never through these."""

    model_config = ConfigDict(protected_namespaces=(), json_schema_serialization_defaults_required=True)


class ImageReference(Body):
    """One image: base64 text, a URL, or a file where the server allows that; in msgpack also bytes, or nothing else."""

    type: str = Field(
        description="`base64`, `url`, `file` (see VISIONFLEET_IMAGE_FOLDERS), or in msgpack `bytes`.",
        examples=["base64"],
    )
    value: str | SkipJsonSchema[bytes] | None = Field(
        default=None,
        description="The base64 text (a `data:image/...;base64,` prefix is allowed), the https URL, or the path.",
    )

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, given: Any) -> Any:
        return {"type": "bytes", "value": given} if isinstance(given, bytes) else given


class ByVersion(Body):
    """A request for a core model, which may be named by its version alone."""

    PREFIX: ClassVar[str] = ""
    VERSION: ClassVar[str] = ""
    """The usual one."""

    model_id: str | None = Field(default=None, description="The model; absent: the usual id of the version.")

    @property
    def version(self) -> str | None:
        """The version that the request names, under the family's own word for it."""
        return None

    @property
    def named(self) -> str:
        """The model's id: ``PREFIX`` and the version, unless the request has one."""
        return self.model_id or f"{self.PREFIX}/{self.version or self.VERSION}"


class Written(Body):
    """A request to a model that writes, which can be followed while it does."""

    stream: bool | None = Field(
        default=False, description="Answer with server-sent events: the text as it is written, then the answer."
    )


OneOrMoreImages = ImageReference | Annotated[list[ImageReference], Field(min_length=1)]


class InferenceRequest(Body):
    """Fields of every `POST /infer/...`. `PARAMS` maps the fields that travel to the model to the engine's names."""

    PARAMS: ClassVar[dict[str, str]] = {}

    model_id: str = Field(description="`name` or `project/version`.", examples=["shapes-detector"])
    image: OneOrMoreImages = Field(description="One image, answered by one object, or a list, answered by a list.")
    id: str | None = Field(default=None, description="Echoed as `inference_id`; made up when absent.")
    api_key: str | None = Field(default=None, description="The API key, where it is not in the header.")
    hardware: Hardware | None = "any"
    disable_preproc_auto_orient: bool | None = Field(default=False, description="Do not apply the EXIF orientation.")

    def params(self) -> dict[str, Any]:
        """What the caller gave, under the engine's names; what is absent is left to the model's own defaults."""
        given = self.model_fields_set
        params = {
            theirs: value
            for ours, theirs in self.PARAMS.items()
            if ours in given and (value := getattr(self, ours)) is not None
        }
        if self.disable_preproc_auto_orient:
            params["auto_orient"] = False
        return params
