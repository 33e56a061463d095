"""Bodies of the stream routes. A stream itself is described by ``shared.streams.spec``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from api_service.schemas.base import Answer, Body, StrictBody
from shared.streams.spec import ModelSpec, PipelineSpec, SinkSpec, SourceSpec, WorkflowSpec


class CreateQuery(Body):
    """Query of `POST /v1/streams`."""

    probe: bool = Field(default=True, description="Open every source first and refuse the stream when one fails.")


class StreamChange(StrictBody):
    """Body of `PATCH /v1/streams/{id}`: what is given is replaced, while the stream runs."""

    name: str | None = Field(default=None, max_length=200)
    sources: Annotated[list[SourceSpec], Field(min_length=1, max_length=16)] | None = Field(
        default=None, description="All sources. One whose `reference` is as it was shown keeps its credentials."
    )
    model: ModelSpec | None = None
    workflow: WorkflowSpec | None = None
    params: dict[str, Any] | None = Field(
        default=None, description="Parameters of the model to replace, as thresholds."
    )
    max_fps: float | None = Field(default=None, gt=0, le=1000)
    window: int | None = Field(default=None, ge=1, le=64)
    deadline_ms: int | None = Field(default=None, ge=50, le=60_000)
    resolution: Literal["model", "full"] | Annotated[int, Field(ge=32, le=8192)] | None = None
    jpeg_quality: int | None = Field(default=None, ge=30, le=100)
    sinks: list[SinkSpec] | None = Field(default=None, max_length=16)
    consumption_timeout_s: float | None = Field(default=None, gt=0)
    metadata: dict[str, Any] | None = None


class StreamAnswer(Answer):
    """A stream as it is now."""

    id: str
    name: str
    state: str = Field(description="`pending`, `running`, `muted`, `paused`, `ended` or `failed`.")
    health: str = Field(description="`ok`, `starting`, `degraded`, `down`; else the state.")
    desired: str
    version: int
    epoch: int = Field(description="How often a stream service has taken it up.")
    owner: str | None = Field(description="The stream service that runs it.")
    created_ms: int
    spec: PipelineSpec
    status: dict[str, Any] = Field(
        description="Last report: `sources` by id (state, error, fps, fps_out, age_ms, counts by cause), `sinks`."
    )


class CreatedAnswer(StreamAnswer):
    """A stream that was just accepted."""

    probe: dict[str, Any] = Field(description="What opening each source showed: width, height, fps, live, codec.")


class StreamsAnswer(Answer):
    """All streams, oldest first."""

    streams: list[StreamAnswer]
    sessions: list[StreamAnswer] = Field(description="WebRTC sessions; they live as long as their connection.")
    services: list[dict[str, Any]] = Field(description="The stream services that are alive, and their load.")


class ProbeAnswer(Answer):
    """What opening the sources showed."""

    sources: dict[str, Any]


class ResultAnswer(Answer):
    """A result that was waiting, or null."""

    result: dict[str, Any] | None


class PictureQuery(Body):
    """Query of the preview routes."""

    source: str = Field(default="", max_length=64, description="Id of the source; the first when absent.")
    fps: float = Field(default=10.0, gt=0, le=30, description="Pictures per second at most.")
