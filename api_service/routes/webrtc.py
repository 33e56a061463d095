"""WebRTC sessions by Roboflow's names. The API hands on offer and answer; media flow to the stream service."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import ValidationError

from api_service import body, jobs, reply, streams
from api_service.context import OFFERS, call_of
from api_service.errors import from_pydantic
from api_service.route import Route
from api_service.schemas.pipelines import ModelConfiguration, WorkflowConfiguration
from api_service.schemas.webrtc import (
    Heartbeat,
    HeartbeatAnswer,
    PipelineRequest,
    Session,
    SessionAnswer,
    WorkerRequest,
)
from shared.streams.offers import OfferSpec
from shared.streams.spec import PipelineSpec, SourceSpec

TAG = "WebRTC"


async def worker(request: web.Request) -> web.Response:
    """A session for ``client.webrtc.stream`` of Roboflow's SDK."""
    wanted = await body.parse(request, WorkerRequest)
    url = wanted.rtsp_url or wanted.mjpeg_url
    given: dict[str, Any] = {"source": {"id": "camera", "reference": url}} if url else {}
    if wanted.processing_timeout is not None:
        given["processing_timeout_s"] = wanted.processing_timeout
    offer = offer_of(wanted, wanted.workflow_configuration, declared_fps=wanted.declared_fps, **given)
    return await begin(request, offer, None)


async def pipeline(request: web.Request) -> web.Response:
    """A session for the client's own video; it lives as long as the connection, under the id in the answer."""
    wanted = await body.parse(request, PipelineRequest)
    video = wanted.video_configuration
    given = {"declared_fps": wanted.webcam_fps, "max_fps": video.max_fps}
    offer = offer_of(wanted, wanted.processing_configuration, **given)
    return await begin(request, offer, offer.id)


def offer_of(wanted: Session, processing: WorkflowConfiguration | ModelConfiguration, **given: Any) -> OfferSpec:
    """What is asked of a stream service. Raises ValidationFailed."""
    servers = list(wanted.webrtc_config.ice_servers) if wanted.webrtc_config else []
    servers += [wanted.webrtc_turn_config] if wanted.webrtc_turn_config else []
    data: dict[str, Any] = {
        "sdp": wanted.webrtc_offer.sdp,
        "ice_servers": [server.model_dump() for server in servers],
        "realtime": wanted.webrtc_realtime_processing,
        "stream_output": named(wanted.stream_output),
        "data_output": named(wanted.data_output),
        **given,
    }
    if isinstance(processing, ModelConfiguration):
        data["model"] = processing.model_dump(exclude={"type"})
    else:
        workflow = processing.model_dump(exclude={"type", "workflow_specification", "workflows_parameters"})
        workflow["specification"] = processing.workflow_specification
        workflow["parameters"] = processing.workflows_parameters or {}
        data["workflow"] = workflow
    try:
        return OfferSpec.model_validate(data)
    except ValidationError as failure:
        raise from_pydantic(failure, "body") from None


def named(outputs: list[str | None] | None) -> list[str] | None:
    """Names of outputs; clients send nulls and empty names for "none"."""
    return None if outputs is None else [name for name in outputs if name]


async def begin(request: web.Request, offer: OfferSpec, pipeline_id: str | None) -> web.Response:
    """Check what the caller may use, and hand the offer on.

    Raises ModelNotFound, SourceError, StreamsOverloaded, NoStreamService.
    """
    given: dict[str, Any] = {"model": offer.model, "workflow": offer.workflow, "max_fps": offer.max_fps}
    spec = PipelineSpec(sources=[offer.source or SourceSpec(reference="webrtc")], sinks=[], **given)
    await streams.check_model(request, spec)
    await streams.pin_workflow(request, offer.workflow)
    comes = {"live": offer.realtime, "fps": offer.declared_fps}
    await streams.check_capacity(request, spec, {spec.sources[0].id: comes})
    said = await request.app[OFFERS].ask(offer, jobs.rights_of(request))
    context = {"request_id": call_of(request).request_id, "pipeline_id": pipeline_id}
    return reply.json({"status": "success", "context": context, **said})


async def heartbeat(request: web.Request) -> web.Response:
    """Sessions here live as long as their connection, so that a heartbeat has nothing to keep alive."""
    await body.parse(request, Heartbeat)
    return reply.json({"status": "ok"})


ROUTES = [
    Route(
        *("POST", "/initialise_webrtc_worker", worker, TAG, "Begin a WebRTC session.", "streams"),
        body=WorkerRequest,
        answer=SessionAnswer,
        status=(404,),
    ),
    Route(
        *("POST", "/inference_pipelines/initialise_webrtc", pipeline, TAG, "Begin a WebRTC pipeline.", "streams"),
        body=PipelineRequest,
        answer=SessionAnswer,
        status=(404,),
    ),
    *(
        Route(
            *("POST", path, heartbeat, TAG, "Accepted and not needed.", "streams"),
            body=Heartbeat,
            answer=HeartbeatAnswer,
        )
        for path in ("/webrtc/session/heartbeat", "/webrtc/session/heartbeat/end")
    ),
]
