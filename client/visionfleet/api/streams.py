"""Video streams: create, look at, change, follow, end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from visionfleet import wire
from visionfleet.core import Core
from visionfleet.errors import ServerUnreachable
from visionfleet.fleet import read_list, read_one
from visionfleet.method import method, stream
from visionfleet.sse import Parser
from visionfleet.steps import Flow, Sleep, Stream, each
from visionfleet.streams import StreamInfo, StreamResult, read_result

STREAMS = "/v1/streams"
# Opening the sources may take as long as the server lets it (VISIONFLEET_STREAM_PROBE_TIMEOUT_S).
PROBE_PATIENCE_S = 30.0
# The server writes a comment after 15 s without a result.
SILENCE_S = 60.0
Source: TypeAlias = "str | int | Mapping[str, Any]"


def create(  # noqa: PLR0913 - one parameter per part of a stream
    core: Core,
    /,
    sources: Source | Sequence[Source],
    model: str | None = None,
    *,
    workflow: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    sinks: Sequence[Mapping[str, Any]] | None = None,
    name: str = "",
    probe: bool = True,
    hardware: str = "any",
    tracking: bool = False,
    **options: Any,
) -> Flow[StreamInfo]:
    """Make a stream: cameras or videos, a model or a workflow on their frames, and where results go.

    Args:
        sources: URL, path on the server, device number, or a mapping with ``reference`` and options; or several.
        model: id or alias of a model.
        workflow: a workflow's definition; or a mapping with ``specification``, or ``workspace_name`` and
            ``workflow_id``, and ``parameters``, ``image_input_name``.
        params: the model's parameters, as for ``infer``.
        sinks: where results go; a buffer for ``consume`` when not given.
        name: for people.
        probe: open every source first and refuse the stream when one fails.
        hardware: worker pool.
        tracking: give objects a ``tracker_id`` that lasts over frames.
        **options: ``max_fps``, ``window``, ``deadline_ms``, ``resolution``, ``jpeg_quality``,
            ``consumption_timeout_s``, ``metadata``.

    Raises:
        SourceError: a source cannot be opened; its ``code`` says why.
        ModelNotFound, InvalidRequest, NoStreamService, StreamsFull.
    """
    body: dict[str, Any] = {"sources": spelled(sources), "name": name, **options}
    if model is not None:
        body["model"] = {"model_id": model, "params": dict(params or {}), "hardware": hardware, "tracking": tracking}
    if workflow is not None:
        named = "workflow_id" in workflow or "specification" in workflow
        body["workflow"] = dict(workflow) if named else {"specification": dict(workflow)}
    if sinks is not None:
        body["sinks"] = [dict(one) for one in sinks]
    query = {"probe": "true" if probe else "false"}
    call = wire.Call("POST", STREAMS, json=body, query=query, repeatable=False, patience_s=PROBE_PATIENCE_S)
    return read_one(StreamInfo, (yield from core.fetch(call)))


def listed(core: Core) -> Flow[list[StreamInfo]]:
    """Every stream, oldest first."""
    return read_list(StreamInfo, (yield from core.fetch(wire.Call("GET", STREAMS))).get("streams"))


def get(core: Core, stream_id: str) -> Flow[StreamInfo]:
    """A stream as it is now. Raises StreamNotFound."""
    return read_one(StreamInfo, (yield from core.fetch(wire.Call("GET", _path(stream_id)))))


def probe(core: Core, sources: Source | Sequence[Source]) -> Flow[dict[str, Any]]:
    """Open sources once and tell what they are, by id: width, height, fps, live, codec. Raises SourceError."""
    body = {"sources": spelled(sources)}
    call = wire.Call("POST", f"{STREAMS}/probe", json=body, patience_s=PROBE_PATIENCE_S)
    return dict((yield from core.fetch(call)).get("sources") or {})


def update(core: Core, /, stream_id: str, **changes: Any) -> Flow[StreamInfo]:
    """Change a stream while it runs: ``max_fps``, ``sources``, ``params``, ``model``, ``sinks`` and others."""
    if "sources" in changes:
        changes["sources"] = spelled(changes["sources"])
    call = wire.Call("PATCH", _path(stream_id), json=changes, patience_s=PROBE_PATIENCE_S)
    return read_one(StreamInfo, (yield from core.fetch(call)))


def add_source(core: Core, stream_id: str, source: Source) -> Flow[StreamInfo]:
    """Add a source; the others are not disturbed. Raises SourceError."""
    call = wire.Call(
        "POST",
        f"{_path(stream_id)}/sources",
        json=spelled(source)[0],
        repeatable=False,
        patience_s=PROBE_PATIENCE_S,
    )
    return read_one(StreamInfo, (yield from core.fetch(call)))


def remove_source(core: Core, stream_id: str, source_id: str) -> Flow[StreamInfo]:
    """Remove a source; the last one cannot go."""
    call = wire.Call("DELETE", f"{_path(stream_id)}/sources/{wire.quoted(source_id)}", repeatable=False)
    return read_one(StreamInfo, (yield from core.fetch(call)))


def pause(core: Core, stream_id: str) -> Flow[StreamInfo]:
    """Stop reading; cameras are closed."""
    return (yield from _command(core, stream_id, "pause"))


def mute(core: Core, stream_id: str) -> Flow[StreamInfo]:
    """Read on and process nothing."""
    return (yield from _command(core, stream_id, "mute"))


def resume(core: Core, stream_id: str) -> Flow[StreamInfo]:
    """Go on after ``pause`` or ``mute``."""
    return (yield from _command(core, stream_id, "resume"))


def restart(core: Core, stream_id: str) -> Flow[StreamInfo]:
    """Begin anew, also after the end."""
    return (yield from _command(core, stream_id, "restart"))


def terminate(core: Core, stream_id: str) -> Flow[None]:
    """End and forget a stream, whatever state it is in. Raises StreamNotFound."""
    yield from core.send(wire.Call("DELETE", _path(stream_id), repeatable=False))


def consume(core: Core, stream_id: str) -> Flow[StreamResult | None]:
    """Take out the oldest result that waits in the stream's buffer; None when none does."""
    call = wire.Call("POST", f"{_path(stream_id)}/consume", repeatable=False)
    result = (yield from core.fetch(call)).get("result")
    return read_result(result) if isinstance(result, dict) else None


def snapshot(core: Core, stream_id: str, source: str = "") -> Flow[bytes]:
    """The newest frame as JPEG, with what was found drawn onto it. Raises Unavailable when there is none."""
    query = {"source": source} if source else {}
    response = yield from core.send(wire.Call("GET", f"{_path(stream_id)}/snapshot.jpg", query=query, patience_s=10.0))
    return bytes(response.content)


def results(core: Core, stream_id: str, *, failures: bool = False) -> Stream[StreamResult]:
    """Results as they come, until the stream is over. What comes while the connection is broken is missed.

    Args:
        stream_id: the stream.
        failures: also hand out frames without a result; their ``cause`` says why.

    Raises:
        StreamNotFound: there is no such stream.
        ServerUnreachable: the connection broke again and again without a result.
    """
    call = wire.Call("GET", f"{_path(stream_id)}/results", headers={"Accept": "text/event-stream"})
    follower, fruitless = _Follower(failures), 0
    while not follower.over:
        before = follower.count
        try:
            yield from each(core.lines(call, SILENCE_S), follower.take)
        except ServerUnreachable:
            if not follower.count and not fruitless:
                raise
        if follower.over:
            return
        fruitless = 0 if follower.count > before else fruitless + 1
        if fruitless > core.policy.retries:
            raise ServerUnreachable(f"The results of stream {stream_id} broke off and do not go on.")
        yield Sleep(core.policy.base_s * 2**fruitless)


class _Follower:
    """Makes results of lines."""

    def __init__(self, failures: bool) -> None:
        self.over, self.count = False, 0
        self._failures = failures
        self._parser = Parser()

    def take(self, line: str) -> StreamResult | None:
        event = self._parser.feed(line)
        if event is None:
            return None
        self.over = event.name == "end"
        if self.over or (event.name == "failure" and not self._failures):
            return None
        self.count += 1
        return read_result(event.fields())


def spelled(sources: Source | Sequence[Source]) -> list[dict[str, Any]]:
    """Sources as the API takes them."""
    many = [sources] if isinstance(sources, (str, int, Mapping)) else list(sources)
    return [dict(one) if isinstance(one, Mapping) else {"reference": one} for one in many]


def _command(core: Core, stream_id: str, name: str) -> Flow[StreamInfo]:
    return read_one(StreamInfo, (yield from core.fetch(wire.Call("POST", f"{_path(stream_id)}/{name}"))))


def _path(stream_id: str) -> str:
    return f"{STREAMS}/{wire.quoted(stream_id)}"


class Streams:
    """Reached as ``client.streams``."""

    create = method(create)
    list = method(listed)
    get = method(get)
    probe = method(probe)
    update = method(update)
    add_source = method(add_source)
    remove_source = method(remove_source)
    pause = method(pause)
    mute = method(mute)
    resume = method(resume)
    restart = method(restart)
    terminate = method(terminate)
    consume = method(consume)
    snapshot = method(snapshot)
    results = stream(results)
