"""One stream at work: a lane for each source, its sinks, and what is to change while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any

import structlog

from shared.access.rights import Rights
from shared.errors import VisionfleetError
from shared.registry import Registry
from shared.streams.ownership import Lease
from shared.streams.spec import PipelineSpec, SinkSpec, SourceSpec
from stream_service import sink as sinks
from stream_service.figures import Figures
from stream_service.frame import Frame
from stream_service.hub import Hub
from stream_service.lane import Lane, result_of
from stream_service.outlet import RedisOutlet
from stream_service.packets import Ring
from stream_service.processor import Outcome, Processor
from stream_service.runner import SinkRunner
from stream_service.settings import StreamSettings
from stream_service.subscription import Subscription
from stream_service.turns import Crowd, Turns

log = structlog.get_logger(__name__)
ALWAYS = ("feed", "preview")
LIVE_WINDOW, SHARED_WINDOW, FILE_WINDOW = 1, 2, 8
"""Measured: 1 is fastest for a lone camera, 2 fills batches when few share a model; files hide their round trip."""


@dataclass(frozen=True)
class Parts:
    """What every stream of this service uses."""

    hub: Hub
    settings: StreamSettings
    sinks: Registry[type[sinks.Sink]]
    processor: Callable[[PipelineSpec, SourceSpec, str, Rights], Processor]
    turns: Crowd


class Pipeline:
    """Made for one lease; ``apply`` brings it in line with what the lease says is wanted."""

    def __init__(self, lease: Lease, parts: Parts, outlet: RedisOutlet) -> None:
        self.lease = lease
        self.outlet = outlet
        self.lanes: dict[str, Lane] = {}
        self._parts = parts
        self._spec = lease.spec
        self._restarts = lease.restarts
        self._figures: dict[str, Figures] = {}
        self._taps: dict[str, list[Ring]] = {}
        self._sinks: list[tuple[SinkSpec, SinkRunner]] = []
        self._error: dict[str, Any] | None = None
        self._draining: asyncio.Task[None] | None = None
        same = lease.status.get("restarts", 0) == lease.restarts
        sources = lease.status.get("sources", {}) if same else {}
        self._done = {name: int(source.get("done", 0)) for name, source in sources.items()}

    async def apply(self) -> None:
        """Start, change, pause, go on: whatever it takes to be as wanted. Does nothing when it is."""
        lease = self.lease
        if lease.restarts != self._restarts:
            self._restarts = lease.restarts
            await self._stop_lanes()
            self._done.clear()
            self._draining = None
        before, self._spec = self._spec, lease.spec
        await self._apply_sinks()
        for source_id in [one for one in self.lanes if one not in {source.id for source in self._spec.sources}]:
            await self._stop_lane(source_id)
            self._done.pop(source_id, None)
        for index, source in enumerate(self._spec.sources):
            await self._apply_source(index, source, before)

    @property
    def over(self) -> str:
        """ "ended" or "failed" once every source is over and the sinks have taken what was left, else ""."""
        lanes = list(self.lanes.values())
        if not lanes or len(lanes) < len(self._spec.sources) or not all(lane.over for lane in lanes):
            return ""
        if self._draining is None:  # in the background: a sink may be slow, and the lease must be renewed meanwhile
            self._draining = asyncio.create_task(self._drain())
        if not self._draining.done():
            return ""
        return "failed" if all(lane.subscription.failure for lane in lanes) else "ended"

    async def _drain(self) -> None:
        await asyncio.gather(*(runner.drain() for _, runner in self._sinks))

    async def stop(self) -> None:
        """End at once, wherever it is."""
        if self._draining is not None:
            self._draining.cancel()
        await self._stop_lanes()
        for _, runner in self._sinks:
            await runner.stop()
        self._sinks = []

    def set_windows(self, sharing: int) -> None:
        """Adjust how many frames are in flight; ``sharing`` is how many live sources use this stream's model."""
        for lane in self.lanes.values():
            own = live_window(sharing, lane.turns) if lane.subscription.live else FILE_WINDOW
            lane.window = self._spec.window or own

    def report(self) -> dict[str, Any]:
        """What clients see, and what a next owner begins with."""
        now = time.monotonic()
        sources = {}
        for source in self._spec.sources:
            lane = self.lanes.get(source.id)
            own = lane.report(now) if lane is not None else {"state": "paused", "reference": source.shown}
            counts = dict(self._figures[source.id].counts) if source.id in self._figures else {}
            sources[source.id] = {"done": self._done.get(source.id, 0), **own, "counts": counts}
            waiting = [runner.first_unwritten(source.id) for _, runner in self._sinks]
            firsts = [number for number in waiting if number is not None]
            # What waits in our memory is lost with us: the next owner begins before it.
            sources[source.id]["done"] = min([sources[source.id]["done"], *(number - 1 for number in firsts)])
        return {
            "sources": sources,
            "sinks": [runner.report() for _, runner in self._sinks],
            "error": self._error,
            "restarts": self._restarts,
            "reported_at": time.time(),
        }

    async def _apply_source(self, index: int, source: SourceSpec, before: PipelineSpec) -> None:
        lane, desired = self.lanes.get(source.id), self.lease.desired
        if lane is not None and not self._still_fits(lane, source, before):
            await self._stop_lane(source.id)
            if lane.subscription.spec.reference != source.reference:
                self._done.pop(source.id, None)
            lane = None
        if lane is None and desired != "paused":
            lane = self._start_lane(index, source)
        if lane is None:
            return
        lane.subscription.index = index
        lane.subscription.set_pace(self._spec.fps_of(source))
        live = lane.subscription.live
        if desired == "paused" and live:
            await self._stop_lane(source.id)
        else:
            lane.subscription.muted = desired == "muted"
            if lane.held != (not live and desired != "running"):
                lane.hold(not lane.held)

    def _still_fits(self, lane: Lane, source: SourceSpec, before: PipelineSpec) -> bool:
        old = lane.subscription.spec
        lane.subscription.spec = source if old.model_copy(update={"max_fps": source.max_fps}) == source else old
        if lane.subscription.spec != source:
            return False
        return before == self._spec or lane.processor.adapt(self._spec)

    def _start_lane(self, index: int, source: SourceSpec) -> Lane | None:
        figures = self._figures.setdefault(source.id, Figures())
        skip = self._done.get(source.id, 0)
        subscription = Subscription(source, self._spec.fps_of(source), index, figures.counts, skip)
        subscription.taps = self._taps_of(source.id)
        try:
            processor = self._parts.processor(self._spec, source, self.lease.id, self.lease.rights)
            camera = self._parts.hub.join(subscription)
        except VisionfleetError as error:
            self._error = error.to_dict()
            return None
        lane = Lane(subscription, camera, processor, figures, partial(self._emit, source.id))
        lane.done = skip
        lane.turns = self._parts.turns.of(self._spec)
        self.lanes[source.id] = lane
        lane.start()
        return lane

    def _taps_of(self, source_id: str) -> list[Ring]:
        """Who records the source; the same list for as long as the stream is here."""
        return self._taps.setdefault(source_id, [])

    async def _stop_lane(self, source_id: str) -> None:
        lane = self.lanes.pop(source_id)
        if not lane.subscription.live:
            self._done[source_id] = lane.done
        self._parts.hub.leave(lane.subscription, lane.camera)
        await lane.stop()

    async def _stop_lanes(self) -> None:
        for source_id in list(self.lanes):
            await self._stop_lane(source_id)

    async def _apply_sinks(self) -> None:
        wanted = list(self._spec.sinks)
        wanted += [SinkSpec(type=name) for name in ALWAYS if all(spec.type != name for spec in wanted)]
        kept = [entry for entry in self._sinks if entry[0] in wanted]
        for entry in self._sinks:
            if entry not in kept:
                await entry[1].stop()
        self._sinks = kept
        for number, spec in enumerate(wanted):
            if all(spec != there for there, _ in kept):
                self._add_sink(number, spec)

    def _add_sink(self, number: int, spec: SinkSpec) -> None:
        settings = self._parts.settings
        context = sinks.SinkContext(
            pipeline_id=self.lease.id,
            name=f"{spec.type}-{number}",
            live=any(self._parts.hub.is_live(source) for source in self._spec.sources),
            source_ids=tuple(source.id for source in self._spec.sources),
            folder=settings.stream_output_dir / self.lease.id,
            settings=settings,
            outlet=self.outlet,
            taps=self._taps_of,
        )
        try:
            runner = SinkRunner(sinks.make(spec, context, self._parts.sinks), settings.stream_sink_timeout_s)
        except VisionfleetError as error:
            self._error = error.to_dict()
            return
        runner.start()
        self._sinks.append((spec, runner))

    async def _emit(self, source_id: str, frame: Frame, outcome: Outcome, age_ms: float) -> None:
        lane = self.lanes.get(source_id)
        if lane is None:
            return
        if not self.lease.valid(self._parts.settings.stream_lease_s):
            lane.figures.counts["lease_lost"] += 1  # somebody else may be giving out results of this stream by now
            return
        result = result_of(self.lease.id, self.lease.epoch, lane.sequence, (frame, outcome, age_ms))
        if not lane.subscription.live:
            result.run = f"{self._restarts}:{digest(lane.subscription.spec.reference)}"
        for _, runner in self._sinks:
            await runner.put(result, live=lane.subscription.live)


def live_window(sharing: int, turns: Turns | None) -> int:
    """Frames in flight of each of so many live sources that share a model. One each may be enough to go round."""
    few = sharing > 1 and (turns is None or sharing < turns.limit)
    return SHARED_WINDOW if few else LIVE_WINDOW


@lru_cache(maxsize=256)
def digest(reference: str | int) -> str:
    """A short name of a file."""
    return sha256(str(reference).encode()).hexdigest()[:8]
