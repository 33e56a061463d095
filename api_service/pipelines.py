"""Between Roboflow's words for pipelines and our streams."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from pydantic import ValidationError

from api_service.errors import from_pydantic
from api_service.schemas.pipelines import InitialisePipeline, ModelConfiguration, VideoConfiguration
from shared.streams.records import Stream
from shared.streams.spec import PipelineSpec

STATES = {
    "none": "NOT_STARTED",
    "connecting": "INITIALISING",
    "reconnecting": "RESTARTING",
    "stalled": "RESTARTING",
    "running": "RUNNING",
    "paused": "PAUSED",
    "ended": "ENDED",
    "failed": "ERROR",
}
WARNING, ERROR = 30, 40
"""Severities, as in Python's logging."""


def spec_of(wanted: InitialisePipeline) -> PipelineSpec:
    """The stream that is asked for. Raises ValidationFailed."""
    processing = wanted.processing_configuration
    data: dict[str, Any] = {
        "sources": sources_of(wanted.video_configuration),
        "max_fps": wanted.video_configuration.max_fps,
        "sinks": [{"type": "buffer", "size": wanted.sink_configuration.results_buffer_size}],
        "consumption_timeout_s": wanted.consumption_timeout,
    }
    if isinstance(processing, ModelConfiguration):
        data["model"] = processing.model_dump(exclude={"type"})
    else:
        given = processing.model_dump(exclude={"type", "workflow_specification", "workflows_parameters"})
        given["specification"] = processing.workflow_specification
        given["parameters"] = processing.workflows_parameters or {}
        data["workflow"] = given
    try:
        return PipelineSpec.model_validate(data)
    except ValidationError as failure:
        raise from_pydantic(failure, "body") from None


def sources_of(video: VideoConfiguration) -> list[dict[str, Any]]:
    """One for each reference."""
    references = video.video_reference if isinstance(video.video_reference, list) else [video.video_reference]
    properties = video.video_source_properties or {}
    each = properties if isinstance(properties, list) else [properties] * len(references)
    each = [*each, *({} for _ in references)]
    return [{"reference": one, "properties": more} for one, more in zip(references, each, strict=False)]


def report_of(stream: Stream) -> dict[str, Any]:
    """The status in Roboflow's form; latencies in seconds, by the number of the source."""
    found = stream.status.get("sources", {})
    rows = [(number, source.id, found.get(source.id, {})) for number, source in enumerate(stream.spec.sources)]
    at = datetime.fromtimestamp(stream.status.get("reported_at", 0), timezone.utc).isoformat()
    return {
        "video_source_status_updates": [
            update(number, row["error"], at) for number, _, row in rows if row.get("error")
        ],
        "latency_reports": [latency(number, row) for number, _, row in rows],
        "inference_throughput": sum(row.get("fps_out", 0.0) for _, _, row in rows),
        "sources_metadata": [metadata(stream, number, row) for number, _, row in rows],
    }


def update(number: int, error: dict[str, Any], at: str) -> dict[str, Any]:
    """What is wrong with a source now."""
    return {
        "timestamp": at,
        "severity": WARNING if error.get("retryable") else ERROR,
        "event_type": "SOURCE_ERROR",
        "payload": {"source_id": number, "error_type": error["code"], "error_message": error["message"]},
        "context": "video_consumer",
    }


def latency(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """Medians of the last ten seconds."""
    return {
        "source_id": number,
        "frame_decoding_latency": seconds(row, "encode_ms"),
        "inference_latency": seconds(row, "infer_ms"),
        "e2e_latency": seconds(row, "age_ms"),
    }


def metadata(stream: Stream, number: int, row: dict[str, Any]) -> dict[str, Any]:
    """What a source is."""
    live = row.get("live")
    state = "MUTED" if stream.state == "muted" and live else STATES.get(row.get("state", "none"), "INITIALISING")
    known = row.get("width") is not None
    properties = {
        "width": row.get("width"),
        "height": row.get("height"),
        "total_frames": row.get("total_frames") or -1,
        "is_file": live is False,
        "fps": row.get("declared_fps") or row.get("fps") or 0.0,
        "is_reconnectable": bool(live),
        "timestamp_created": datetime.fromtimestamp(stream.created_ms / 1000, timezone.utc).isoformat(),
    }
    return {
        "source_properties": properties if known else None,
        "source_reference": stream.spec.sources[number].shown,
        "buffer_size": 1 if live else 4,
        "state": state,
        "buffer_filling_strategy": "DROP_OLDEST" if live else "WAIT",
        "buffer_consumption_strategy": "EAGER" if live else "LAZY",
        "source_id": number,
    }


def seconds(row: dict[str, Any], name: str) -> float | None:
    """The median in seconds, when there is one."""
    median = row.get(name, {}).get("p50")
    return None if median is None else median / 1000


def consumed(stream: Stream, result: dict[str, Any] | None, excluded: list[str]) -> dict[str, Any]:
    """A buffered result in Roboflow's form: a list with a place for each source, null where another's frame it is."""
    if result is None:
        return {"outputs": [], "frames_metadata": []}
    places = len(stream.spec.sources)
    number = min(int(result["source_index"]), places - 1)
    output = {name: value for name, value in result["output"].items() if name not in excluded}
    frame = {"frame_timestamp": result["frame_timestamp"], "frame_id": result["frame_id"], "source_id": number}
    outputs: list[dict[str, Any] | None] = [None] * places
    frames: list[dict[str, Any] | None] = [None] * places
    outputs[number], frames[number] = output, frame
    return {"outputs": outputs, "frames_metadata": frames}
