"""Results of frames for tests of sinks: pictures of the test film with made-up answers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from shared.streams.spec import SinkSpec
from stream_service.frame import Frame, FrameResult
from stream_service.packets import Ring
from stream_service.picture import ArrayPicture
from stream_service.settings import StreamSettings
from stream_service.sink import Sink, SinkContext, make, registry
from tests.cameras.film import picture

SIZE = (320, 180)
KINDS = registry()
RINGS: list[Ring] = []
"""Of what wants packets, in the contexts made here."""


def box(name: str = "circle", confidence: float = 0.9, x: float = 60.0) -> dict[str, Any]:
    return {
        "x": x,
        "y": 50.0,
        "width": 40.0,
        "height": 40.0,
        "confidence": confidence,
        "class": name,
        "class_id": 0,
        "detection_id": "d",
    }


def answer(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"image": {"width": SIZE[0], "height": SIZE[1]}, "predictions": list(rows)}


def result(number: int = 1, found: dict[str, Any] | None = None, **changes: Any) -> FrameResult:
    """The result of the film's picture of that number; ``captured`` is a tenth of a second per number."""
    source = changes.pop("source", "door")
    frame = Frame(
        source_id=source,
        source_index=0,
        number=number,
        session=1,
        captured=number / 10,
        captured_at=1_800_000_000 + number / 10,
        pts_s=number / 10,
        picture=ArrayPicture(picture(number, *SIZE, 120)),
    )
    made = FrameResult("f" * 32, frame, epoch=1, sequence=number)
    made.predictions = answer(box()) if found is None else found
    for name, value in changes.items():
        setattr(made, name, value)
    return made


class FakeOutlet:
    """Remembers what sinks put into Redis."""

    def __init__(self) -> None:
        self.buffered: list[dict[str, Any]] = []
        self.published: list[dict[str, Any]] = []
        self.shown: list[tuple[str, bytes]] = []
        self.watching = {"results", "preview"}

    async def buffer(
        self, item: dict[str, Any], most: int, *, wait: bool = False, once: tuple[str, int] = ("", 0)
    ) -> None:
        self.buffered = [*self.buffered, item][-most:]

    async def publish(self, item: dict[str, Any], *, once: tuple[str, int] = ("", 0)) -> None:
        self.published.append(item)

    async def show(self, source_id: str, jpeg: bytes) -> None:
        self.shown.append((source_id, jpeg))

    def watched(self, what: str) -> bool:
        return what in self.watching


def context(folder: Path, outlet: Any = None, live: bool = True, name: str = "sink", **settings: Any) -> SinkContext:
    made = StreamSettings(stream_allow_loopback=True, stream_min_free_mb=0, **settings)
    return SinkContext("f" * 32, name, live, ("door",), folder, made, outlet or FakeOutlet(), lambda _: RINGS)


def sink(kind: str, where: SinkContext, **options: Any) -> Sink:
    return make(SinkSpec.model_validate({"type": kind, **options}), where, KINDS)


async def written(made: Sink, *results: FrameResult) -> None:
    """Open, write all, close."""
    await made.open()
    try:
        for one in results:
            await made.write(one)
    finally:
        await made.close()


async def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)
