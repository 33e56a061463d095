"""The camera's own video, copied without decoding or encoding: all of it, or what is before and after events."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from typing import Any, Literal

from pydantic import Field
from typing_extensions import override

from shared.errors import SinkUnavailable, VisionfleetError
from stream_service.answers import Gate, GateOptions
from stream_service.clip import Clip, suffix_of
from stream_service.frame import Frame, FrameResult
from stream_service.output import MEGABYTE, output_of, safe, stamp
from stream_service.packets import Packet, Ring, moment
from stream_service.sink import Sink, SinkContext

EVERY_S = 0.5
LATE_S = 10.0
"""How long after a frame its result may come and still find what was before it."""
PATIENCE = 10
"""Results that may come before the first packet: the source was opened before the recording began."""
NOTHING = SinkUnavailable(
    "The source has no encoded video to copy (it is a camera device or a folder of images); use the sink `video`."
)


class RecordOptions(GateOptions):
    """When it records, and how much is kept."""

    mode: Literal["events", "continuous"] = Field(
        default="events", description="Record around the results that pass (`when`, `classes`, ...), or everything."
    )
    pre_s: float = Field(default=5.0, ge=0, le=120, description="Seconds before an event, from the key frame before.")
    post_s: float = Field(default=5.0, ge=0, le=600, description="Seconds after the last event.")
    segment_s: float = Field(default=300.0, ge=1, le=86_400, description="Seconds after which a new file is begun.")
    buffer_mb: int = Field(default=64, ge=1, le=1024, description="Memory for what is before events, per source.")
    max_mb: int = Field(default=2_000, ge=1, description="Megabytes kept; the oldest files go first.")


class Recorder:
    """Of one source. ``drain`` blocks; everything else is quick."""

    def __init__(self, source: str, options: RecordOptions, live: bool, output: Any) -> None:
        self.ring = Ring(options.buffer_mb * MEGABYTE)
        self.clip: Clip | None = None
        self._source, self._options, self._live, self._output = source, options, live, output
        self.results = 0
        self._events: deque[float] = deque()
        self._until = float("-inf")
        self._seen = float("-inf")

    def saw(self, frame: Frame, event: bool) -> None:
        """A frame has its result."""
        at = frame.captured if self._live or frame.pts_s is None else frame.pts_s
        self._seen = max(self._seen, at)
        self.results += 1
        if event:
            self._events.append(at)
            self._until = max(self._until, at + self._options.post_s)

    def drain(self, keep: list[Any]) -> None:
        """Write what has come, up to the first key frame after the end. Raises SinkUnavailable, OSError."""
        event = min((self._events.popleft() for _ in range(len(self._events))), default=None)
        if self._options.mode == "events" and self.clip is None:
            seen = max(self._seen, time.monotonic() - LATE_S) if self._live else self._seen
            self.ring.trim((seen if event is None else event) - self._options.pre_s, live=self._live)
            if event is None:
                return
        while (packet := self.ring.head()) is not None:
            if packet.key and not self._goes_on(packet):
                return
            if self.ring.pop(packet):
                self._write(packet, keep)

    def close(self) -> None:
        """Finish the file."""
        clip, self.clip = self.clip, None
        if clip is not None:
            clip.close()

    def _goes_on(self, key: Packet) -> bool:
        """Close the file where it ends. False when nothing more is to be recorded."""
        at = moment(key, live=self._live)
        if self.clip is not None:
            passed = at - moment(self.clip.first, live=self._live)
            over = self._options.mode == "events" and at > self._until
            if over or key.format is not self.clip.format or not 0 <= passed < self._options.segment_s:
                self.close()
            return not over
        return self._options.mode == "continuous" or at <= self._until

    def _write(self, packet: Packet, keep: list[Any]) -> None:
        if self.clip is None:
            if not packet.key:
                return  # what was before it went when memory was short
            name = f"{stamp(packet.arrived_at)}-{safe(self._source)}"
            self.clip = Clip(self._output.path(name, suffix_of(packet.format)), packet)
            self._output.prune(keep=[*keep, self.clip.path])
        self.clip.add(packet)


class RecordSink(Sink):
    """Packets come past the results, because a recording has every picture, also those that no model saw."""

    NAME = "record"
    Options = RecordOptions

    def __init__(self, options: Any, context: SinkContext) -> None:
        super().__init__(options, context)
        self._recorders: dict[str, Recorder] = {}
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._writing = threading.Lock()

    @override
    async def open(self) -> None:
        self._gate = Gate(self.options)
        self._output = output_of(self.context, self.options.max_mb)
        await asyncio.to_thread(self._output.open)
        for source in self.context.source_ids:
            self._of(source)
        self._task = asyncio.create_task(self._run())

    @override
    async def write(self, result: FrameResult) -> None:
        recorder = self._of(result.frame.source_id)
        recorder.saw(result.frame, self._gate.passes(result))
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if not recorder.ring.received and recorder.results > PATIENCE:
            raise NOTHING

    @override
    async def close(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for source, recorder in self._recorders.items():
            self.context.taps(source).remove(recorder.ring)
        try:
            await asyncio.to_thread(self._drain)
        finally:
            await asyncio.to_thread(self._finish)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await asyncio.to_thread(self._drain)
            except (VisionfleetError, OSError) as error:
                self._failure = error

    def _drain(self) -> None:
        with self._writing:  # a canceled task leaves its thread at work
            recorders = list(self._recorders.values())
            for one in recorders:
                one.drain([other.clip.path for other in recorders if other.clip is not None])

    def _finish(self) -> None:
        with self._writing:
            for recorder in self._recorders.values():
                recorder.close()

    def _of(self, source: str) -> Recorder:
        if source not in self._recorders:
            recorder = Recorder(source, self.options, self.context.live, self._output)
            self.context.taps(source).append(recorder.ring)
            self._recorders[source] = recorder
        return self._recorders[source]


SINK = RecordSink
