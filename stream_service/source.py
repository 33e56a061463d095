"""The contract of a source. A file in ``sources/`` exports ``SOURCE``, a SourceType; adding a kind is adding a file.

A source is used by one thread, which may be abandoned when a library hangs: a source must not share state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from shared.errors import SourceUnsupported
from shared.registry import Registry
from shared.streams.spec import SourceSpec
from stream_service import sources
from stream_service.picture import Picture
from stream_service.settings import StreamSettings


def nothing(packet: Any, arrived: float, offset_s: float) -> None:
    """For who does not want packets."""


@dataclass(frozen=True)
class SourceInfo:
    """What opening showed. Unknown figures are None.

    Of a ``live`` source only the newest frame counts; from others none is lost. A source that ``ends`` is over at its
    end; the end of any other is a disconnection.
    """

    width: int | None
    height: int | None
    fps: float | None
    live: bool
    ends: bool
    total_frames: int | None = None
    codec: str = ""


@dataclass(frozen=True)
class Captured:
    """A picture, when its data arrived (monotonic seconds), and the source's own time of it in seconds, if any."""

    picture: Picture
    arrived: float
    pts_s: float | None = None


class Source(ABC):
    """Frames one after another. Every method blocks, within the time-outs of the specification where possible.

    ``packets`` is called with each encoded packet (of PyAV), its arrival and what its source's time is to be moved by
    (seconds), before it is decoded; sources that have no such packets leave it alone.
    """

    packets: Callable[[Any, float, float], None] = staticmethod(nothing)

    @abstractmethod
    def open(self) -> SourceInfo:
        """Connect. Raises SourceError."""

    @abstractmethod
    def read(self) -> Captured | None:
        """The next frame, or None at the end. Raises SourceError when the source breaks off."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything. May be called twice, and before open."""


@dataclass(frozen=True)
class SourceType:
    """A kind of source.

    Attributes:
        name: for people and status.
        accepts: whether a reference is of this kind; kinds are asked in the order of ``rank``, then name.
        make: the source for a specification. It checks nothing; ``open`` does.
        shareable: whether several streams may share one reader, which is right for cameras and wrong for files.
        reconnects: whether opening again may help after a failure.
    """

    name: str
    accepts: Callable[[str | int], bool]
    make: Callable[[SourceSpec, StreamSettings], Source]
    rank: int = 0
    shareable: Callable[[SourceSpec], bool] = lambda _: True
    reconnects: bool = True


def registry() -> Registry[SourceType]:
    """Every kind of source."""
    return Registry[SourceType]("source").scan(sources, _exported)


def kind_of(reference: str | int, kinds: Registry[SourceType]) -> SourceType:
    """The kind of a reference. Raises SourceUnsupported."""
    for kind in sorted(kinds, key=lambda kind: (kind.rank, kind.name)):
        if kind.accepts(reference):
            return kind
    raise SourceUnsupported(
        "The source is of no kind that is read: rtsp://, rtsps://, http://, https://, udp://, srt://, a path or a "
        "device number."
    )


def _exported(module: ModuleType) -> Iterator[tuple[str, SourceType]]:
    yield module.SOURCE.name, module.SOURCE
