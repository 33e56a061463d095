"""Bodies of the WebRTC routes, as Roboflow's clients send them. Unknown fields are ignored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api_service.schemas.base import Answer, Body
from api_service.schemas.pipelines import (
    CommandContext,
    InitialisePipeline,
    ModelConfiguration,
    VideoConfiguration,
    WorkflowConfiguration,
)


class Offer(Body):
    """The client's side of the connection, its candidates gathered."""

    type: Literal["offer"]
    sdp: str = Field(max_length=65_536)


class IceServer(Body):
    """A STUN or TURN server."""

    urls: str | Annotated[list[str], Field(max_length=8)]
    username: str | None = Field(default=None, max_length=512)
    credential: str | None = Field(default=None, max_length=512)


class WebrtcConfig(Body):
    """As `RTCConfiguration` of browsers."""

    ice_servers: list[IceServer] = Field(default_factory=list, max_length=8, alias="iceServers")


class Session(Body):
    """What both routes have. `stream_output`: outputs that may go out as video, null for the first that is a picture,
    `[]` for none. `data_output`: those that go over the data channel, `["*"]` for all but pictures."""

    api_key: str | None = None
    webrtc_offer: Offer
    webrtc_config: WebrtcConfig | None = None
    webrtc_turn_config: IceServer | None = None
    webrtc_realtime_processing: bool = Field(default=True, description="Leave frames out rather than fall behind.")
    stream_output: Annotated[list[str | None], Field(max_length=16)] | None = None
    data_output: Annotated[list[str | None], Field(max_length=64)] | None = None


class WorkerRequest(Session):
    """Body of `POST /initialise_webrtc_worker`."""

    workflow_configuration: Annotated[WorkflowConfiguration | ModelConfiguration, Field(discriminator="type")]
    declared_fps: float | None = Field(default=None, gt=0, le=1000)
    rtsp_url: str | None = Field(default=None, max_length=2048, description="A camera that the server opens.")
    mjpeg_url: str | None = Field(default=None, max_length=2048, description="The same over HTTP.")
    processing_timeout: float | None = Field(default=None, gt=0, description="Seconds that the session may last.")


class ClientVideo(VideoConfiguration):
    """The client's own track; there is no reference."""

    video_reference: str | int | Annotated[list[str | int], Field(min_length=1, max_length=1)] = "webrtc"


class PipelineRequest(InitialisePipeline, Session):
    """Body of `POST /inference_pipelines/initialise_webrtc`."""

    video_configuration: VideoConfiguration = Field(default_factory=ClientVideo)
    webcam_fps: float | None = Field(default=None, gt=0, le=1000)


class SessionAnswer(Answer):
    """The server's side of the connection."""

    status: str = Field(examples=["success"])
    context: CommandContext
    sdp: str
    type: str


class Heartbeat(Body):
    """Body of the heartbeat routes."""

    session_id: str = Field(max_length=200)
    api_key: str | None = None


class HeartbeatAnswer(Answer):
    """It was heard."""

    status: str = Field(examples=["ok"])
