"""What a stream is: sources, what runs on their frames, and where results go. It lives in Redis as JSON.

A stream is also called a pipeline, as in Roboflow's wire contract; its id is the pipeline's id.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.streams.redact import hide, redact

MOST_SOURCES = 16
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
State = Literal["pending", "running", "muted", "paused", "ended", "failed"]
Desired = Literal["running", "muted", "paused", "terminated"]


class Part(BaseModel):
    """A part of a specification: unknown fields are refused, because they are typing errors more often than not."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), allow_inf_nan=False)


class MotionSpec(Part):
    """Only frames in which something moved are processed, and one now and then all the same."""

    threshold: int = Field(default=20, ge=1, le=255, description="Change of a pixel's brightness that counts, 1-255.")
    area: float = Field(default=0.002, gt=0, le=1, description="Share of the picture that must have changed.")
    keep_alive_s: float = Field(default=5.0, gt=0, description="A frame passes after this many seconds at the latest.")


class SourceSpec(Part):
    """One camera, video or folder of images, and how to read it."""

    id: str = Field(default="", max_length=64, description="Name of the source in results; by default its number.")
    reference: str | int = Field(
        description="`rtsp://`, `http(s)://` (MJPEG, HLS, video file), `udp://`, a path on the server, or the number "
        "of a camera device.",
        examples=["rtsp://user:password@10.0.0.5/stream1"],
    )
    mode: Literal["auto", "live", "file"] = Field(
        default="auto",
        description="`live` keeps the newest frame only and reconnects; `file` loses none and ends. `auto` looks.",
    )
    max_fps: float | None = Field(default=None, gt=0, le=1000, description="Frames per second processed at most.")
    transport: Literal["tcp", "udp"] = Field(default="tcp", description="How RTSP carries the video.")
    open_timeout_s: float = Field(default=5.0, gt=0, le=120, description="Seconds that opening may take.")
    read_timeout_s: float = Field(default=3.0, gt=0, le=120, description="Seconds without data before reconnecting.")
    keyframes_only: bool = Field(default=False, description="Decode keyframes only: nearly free, about 1 frame/s.")
    realtime: bool = Field(default=False, description="Play a file at its own speed, as if it were a camera.")
    loop: bool = Field(default=False, description="Begin a file anew when it ends.")
    motion: MotionSpec | None = Field(default=None, description="Process frames with motion only.")
    properties: dict[str, float] = Field(
        default_factory=dict,
        max_length=16,
        description="For camera devices: `frame_width`, `frame_height`, `fps` and other OpenCV properties.",
    )

    @property
    def shown(self) -> str:
        """The reference without credentials."""
        return redact(self.reference)


class ModelSpec(Part):
    """A model that runs on every frame."""

    model_id: str = Field(max_length=300, description="`name` or `project/version`.", examples=["shapes-detector"])
    params: dict[str, Any] = Field(default_factory=dict, description="As in `POST /v1/jobs`: confidence and others.")
    hardware: str = Field(default="any", pattern=r"^[a-z][a-z0-9-]{0,31}$", description="Worker pool, or `any`.")
    tracking: bool = Field(default=False, description="Give objects a `tracker_id` that lasts over frames (ByteTrack).")


class WorkflowSpec(Part):
    """A workflow that runs on every frame, with state for each source."""

    specification: dict[str, Any] | None = Field(default=None, description="The workflow itself.")
    workspace_name: str | None = Field(default=None, max_length=200, description="`local`, for a saved workflow.")
    workflow_id: str | None = Field(
        default=None,
        max_length=200,
        description="A saved workflow: what it is now runs for as long as the stream, whatever is saved later.",
    )
    workflow_version_id: str | None = Field(default=None, max_length=200, description="By default the newest.")
    image_input_name: str = Field(default="image", max_length=100)
    video_metadata_input_name: str = Field(default="video_metadata", max_length=100)
    parameters: dict[str, Any] = Field(default_factory=dict, description="Values of the workflow's other inputs.")

    @model_validator(mode="after")
    def _one_of(self) -> WorkflowSpec:
        if self.specification is None and not self.workflow_id:
            raise ValueError("give `specification`, or the `workflow_id` of a saved workflow")
        return self


class SinkSpec(BaseModel):
    """Where results go. ``type`` names a file of stream_service/sinks; the other fields are its options."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(pattern=NAME_PATTERN, description="Name of the sink, such as `buffer`.")

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the type."""
        return dict(self.model_extra or {})


Sources = Annotated[list[SourceSpec], Field(min_length=1, max_length=MOST_SOURCES)]


class PipelineSpec(Part):
    """One stream. Either ``model`` or ``workflow`` is given; with neither, frames only go to the sinks."""

    name: str = Field(default="", max_length=200, description="For people.")
    sources: Sources
    model: ModelSpec | None = None
    workflow: WorkflowSpec | None = None
    max_fps: float | None = Field(default=None, gt=0, le=1000, description="For sources that set none of their own.")
    window: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Frames of a source in flight. Default: 1 for a lone camera, 2 when cameras share batches, 8 for "
        "files.",
    )
    deadline_ms: int = Field(
        default=2_000, ge=50, le=60_000, description="A live frame that has no result after this long is given up."
    )
    resolution: Literal["model", "full"] | Annotated[int, Field(ge=32, le=8192)] = Field(
        default="model",
        description="Size of frames sent to workers: as the model needs it, untouched, or a longest side in pixels.",
    )
    jpeg_quality: int = Field(default=92, ge=30, le=100, description="Quality of frames on their way to workers.")
    sinks: list[SinkSpec] = Field(default_factory=lambda: [SinkSpec(type="buffer")], max_length=16)
    consumption_timeout_s: float | None = Field(
        default=None, gt=0, description="Terminate when nobody has consumed results for this long."
    )
    metadata: dict[str, Any] = Field(default_factory=dict, description="Yours; given back as it is.")

    @model_validator(mode="after")
    def _consistent(self) -> PipelineSpec:
        if self.model is not None and self.workflow is not None:
            raise ValueError("give `model` or `workflow`, not both")
        for index, source in enumerate(self.sources):
            source.id = source.id or str(index)
        if len({source.id for source in self.sources}) < len(self.sources):
            raise ValueError("two sources have the same id")
        return self

    def fps_of(self, source: SourceSpec) -> float | None:
        """Frames per second at most of one source."""
        return source.max_fps if source.max_fps is not None else self.max_fps

    def shown(self) -> dict[str, Any]:
        """The specification as plain data without credentials."""
        data = self.model_dump(mode="json")
        for source in data["sources"]:
            source["reference"] = redact(source["reference"])
        for sink in data["sinks"]:
            sink.update({name: hide(name, value) for name, value in sink.items() if isinstance(value, str)})
        return data
