"""The contract of a sink. A file in ``sinks/`` exports ``SINK``, a Sink class; adding a kind is adding a file.

Each sink of a stream has a queue and a task of its own: a slow or failing one delays neither the stream nor its peers.
For a live stream a full queue loses its oldest result (counted as ``sink_full``); a file waits for room.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import InvalidRequest
from shared.registry import Registry
from shared.streams.spec import SinkSpec
from stream_service import sinks
from stream_service.frame import FrameResult
from stream_service.packets import Ring
from stream_service.settings import StreamSettings


class SinkOptions(BaseModel):
    """Base of a sink's options: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Outlet(Protocol):
    """Where a sink may put things into Redis for the API. Writes of a stream's former owner have no effect.

    ``once`` is that of the result. Raises QueueUnavailable, and LeaseLost when another replica owns the stream now.
    """

    async def buffer(
        self, item: dict[str, Any], most: int, *, wait: bool = False, once: tuple[str, int] = ("", 0)
    ) -> None:
        """Append a result to the buffer that ``consume`` empties. It keeps the newest ``most``, or waits for room."""
        ...

    async def publish(self, item: dict[str, Any], *, once: tuple[str, int] = ("", 0)) -> None:
        """Append a result to the live feed (SSE, WebSocket), when somebody follows it."""
        ...

    async def show(self, source_id: str, jpeg: bytes) -> None:
        """Replace the preview of a source."""
        ...

    def watched(self, what: str) -> bool:
        """Whether a client of the API has lately asked for ``results`` or ``preview``."""
        ...


@dataclass(frozen=True)
class SinkContext:
    """What a sink gets beside its options. ``folder`` is the stream's own for files; made by whoever writes there.

    ``taps`` is the list of those who want copies of a source's encoded packets; a sink may add itself.
    """

    pipeline_id: str
    name: str
    live: bool
    source_ids: tuple[str, ...]
    folder: Path
    settings: StreamSettings
    outlet: Outlet
    taps: Callable[[str], list[Ring]]


class Sink(ABC):
    """Takes results, one at a time, in order per source. Exceptions are logged, counted, and end nothing.

    A ``write`` that takes longer than VISIONFLEET_STREAM_SINK_TIMEOUT_S is canceled and counts as failed.
    Blocking work goes to a thread.
    """

    NAME: ClassVar[str]
    Options: ClassVar[type[SinkOptions]] = SinkOptions
    queue: ClassVar[int] = 16
    """Results that may wait for this sink."""
    patient: bool = False
    """A ``write`` may take as long as it wants."""

    def __init__(self, options: Any, context: SinkContext) -> None:
        self.options = options
        self.context = context

    async def open(self) -> None:  # noqa: B027 - most have nothing to open
        """Prepare; called once before the first write. Raises VisionfleetError."""

    @abstractmethod
    async def write(self, result: FrameResult) -> None:
        """Take one result; failed frames come too (``result.ok``)."""

    async def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Flush and let go; called once, also after a failed open."""


def registry() -> Registry[type[Sink]]:
    """Every kind of sink."""
    return Registry[type[Sink]]("sink").scan(sinks, _exported)


def make(spec: SinkSpec, context: SinkContext, kinds: Registry[type[Sink]]) -> Sink:
    """The sink of a specification. Raises InvalidRequest for an unknown type or wrong options."""
    kind, options = checked(spec, kinds)
    return kind(options, context)


def checked(spec: SinkSpec, kinds: Registry[type[Sink]]) -> tuple[type[Sink], SinkOptions]:
    """The class and the validated options. Raises InvalidRequest."""
    try:
        kind = kinds.get(spec.type)
    except KeyError as error:
        raise InvalidRequest(f"sinks: {error.args[0]}") from None
    try:
        return kind, kind.Options.model_validate(spec.options)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"sinks.{spec.type}.{where}: {first['msg']}") from None


def _exported(module: ModuleType) -> Iterator[tuple[str, type[Sink]]]:
    yield module.SINK.NAME, module.SINK
