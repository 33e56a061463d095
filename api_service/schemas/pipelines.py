"""Bodies of the `/inference_pipelines` routes, as Roboflow's clients send them. Unknown fields are ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from api_service.schemas.base import Answer, Body
from shared.streams.spec import MOST_SOURCES


class VideoConfiguration(Body):
    """Where frames come from. Buffer strategies are accepted and not needed: cameras never lag, files lose nothing."""

    type: Literal["VideoConfiguration"] = "VideoConfiguration"
    video_reference: str | int | Annotated[list[str | int], Field(min_length=1, max_length=MOST_SOURCES)]
    max_fps: float | None = Field(default=None, gt=0, description="Frames per second of each source at most.")
    video_source_properties: dict[str, float] | list[dict[str, float]] | None = None


class WorkflowConfiguration(Body):
    """A workflow on every frame."""

    type: Literal["WorkflowConfiguration"]
    workflow_specification: dict[str, Any] | None = None
    workspace_name: str | None = None
    workflow_id: str | None = None
    workflow_version_id: str | None = None
    image_input_name: str = "image"
    video_metadata_input_name: str = "video_metadata"
    workflows_parameters: dict[str, Any] | None = None


class ModelConfiguration(Body):
    """A model on every frame; ours, Roboflow's server knows workflows only."""

    type: Literal["ModelConfiguration"]
    model_id: str = Field(max_length=300)
    params: dict[str, Any] = Field(default_factory=dict, description="Such as `confidence`.")
    hardware: str = "any"
    tracking: bool = False


class MemorySinkConfiguration(Body):
    """Results are kept until they are consumed."""

    type: Literal["MemorySinkConfiguration"] = "MemorySinkConfiguration"
    results_buffer_size: int = Field(default=64, ge=1, le=1000)


class InitialisePipeline(Body):
    """Body of `POST /inference_pipelines/initialise`."""

    video_configuration: VideoConfiguration
    processing_configuration: Annotated[
        WorkflowConfiguration | ModelConfiguration, Field(discriminator="type", description="What runs on frames.")
    ]
    sink_configuration: MemorySinkConfiguration = Field(default_factory=MemorySinkConfiguration)
    consumption_timeout: float | None = Field(
        default=None, gt=0, description="Seconds without a `consume` after which the pipeline is terminated."
    )
    api_key: str | None = None


class ConsumeRequest(Body):
    """Optional body of `GET /inference_pipelines/{id}/consume`."""

    excluded_fields: list[str] = Field(default_factory=list, description="Outputs to leave out.")


class CommandContext(Answer):
    """Which request and which pipeline."""

    request_id: str | None
    pipeline_id: str | None


class CommandAnswer(Answer):
    """The command was carried out."""

    status: str = Field(examples=["success"])
    context: CommandContext


class ListAnswer(CommandAnswer):
    """Ids of all pipelines."""

    pipelines: list[str]


class StatusAnswer(CommandAnswer):
    """How a pipeline is."""

    report: dict[str, Any] = Field(
        description="`video_source_status_updates`, `latency_reports` (seconds), `inference_throughput`, "
        "`sources_metadata`."
    )


class ConsumeAnswer(CommandAnswer):
    """One result; empty lists when there is none."""

    outputs: list[dict[str, Any] | None] = Field(description="One entry per source; null for the others.")
    frames_metadata: list[dict[str, Any] | None]
