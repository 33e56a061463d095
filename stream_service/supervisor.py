"""The streams of this replica: taken up, kept, changed, given up. Any number of replicas share all streams.

Each round renews the leases of our streams (leaving reports, learning what is wanted), then takes up what nobody owns.
A round begins every half second, or at once when something was commanded.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from shared.errors import StreamNotFound, VisionfleetError
from shared.metrics.streams import StreamFigures
from shared.pulse import ALIVE, READY, Pulse
from shared.queue.line import stop as end_tasks
from shared.redis import AsyncRedis
from shared.streams.ownership import Ownership
from shared.streams.records import Streamer
from shared.streams.store import StreamStore
from stream_service.outlet import RedisOutlet
from stream_service.pipeline import Parts, Pipeline
from stream_service.placement import takes
from stream_service.settings import StreamSettings

log = structlog.get_logger(__name__)
ROUND_S = 0.5
AGAIN_S = 0.5


class Supervisor:
    """Run it until ``stop``. Not by canceling: what is canceled while an answer arrives may never notice."""

    def __init__(
        self,
        client: AsyncRedis,
        ownership: Ownership,
        parts: Parts,
        sessions: Callable[[], list[dict[str, Any]]] = list,
    ) -> None:
        """``sessions`` tells of those that are no streams, for the list."""
        self.pipelines: dict[str, Pipeline] = {}
        self._settings: StreamSettings = parts.settings
        self._ownership = ownership
        self._store = StreamStore(client, parts.settings)
        self._parts = parts
        self._woken = asyncio.Event()
        self._stopping = False
        self._sessions = sessions
        self._unowned: dict[str, float] = {}
        self._pulse = Pulse(parts.settings.pulse_dir)
        self.figures: list[StreamFigures] = []

    async def run(self) -> None:
        """Rounds until ``stop``; then everything is given up for others to take."""
        waker = asyncio.create_task(self._listen())
        try:
            while not self._stopping:
                try:
                    await asyncio.to_thread(self._pulse.beat, ALIVE)
                    await self._round()
                    await asyncio.to_thread(self._pulse.beat, READY)
                except VisionfleetError as error:
                    log.warning("streams.not_tended", code=error.code)
                except Exception:
                    log.exception("streams.round_failed")
                await self._pause()
        finally:
            await self._give_up()
            await end_tasks([waker])

    def stop(self) -> None:
        """Begin no further round."""
        self._stopping = True
        self._woken.set()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), ROUND_S)
        except asyncio.TimeoutError:
            return
        finally:
            self._woken.clear()

    async def _listen(self) -> None:
        last = "$"
        while True:
            try:
                now = await self._ownership.wait(last, 2_000)
                if now != last:
                    self._woken.set()
                last = now
            except VisionfleetError:
                await asyncio.sleep(AGAIN_S * (1 + random.random()))  # noqa: S311 - jitter, not a secret

    async def _round(self) -> None:
        self._parts.hub.watch()
        for pipeline in list(self.pipelines.values()):
            await self._tend_safely(pipeline)
        await self._parts.turns.adapt()
        sharing = Counter(model_of(pipeline) for pipeline in self.pipelines.values() for _ in pipeline.lanes)
        for pipeline in self.pipelines.values():
            pipeline.set_windows(sharing[model_of(pipeline)])
        self.figures = [StreamFigures(one.lease.id, state_of(one), one.report()) for one in self.pipelines.values()]
        await self._take_up(await self._ownership.beat(self.load()))

    async def _tend_safely(self, pipeline: Pipeline) -> None:
        """What goes wrong with one stream must not keep the leases of the others from being renewed."""
        try:
            await self._tend(pipeline)
        except VisionfleetError as error:
            log.warning("stream.not_tended", **pipeline.lease.names, code=error.code)
        except Exception:
            log.exception("stream.not_tended", **pipeline.lease.names)

    async def _tend(self, pipeline: Pipeline) -> None:
        lease, over = pipeline.lease, pipeline.over
        if not await self._ownership.renew(lease, pipeline.report(), over) or over:
            log.info("stream.left", **lease.names, over=over or "lost")
            del self.pipelines[lease.id]
            await pipeline.stop()
            return
        limit = lease.spec.consumption_timeout_s
        if limit is not None and lease.idle_s > limit:
            log.info("stream.not_consumed", **lease.names, seconds=lease.idle_s)
            await self._forget(lease.id)
            return
        pipeline.outlet.watching = await self._ownership.watched(lease.id)
        await pipeline.apply()

    async def _forget(self, stream_id: str) -> None:
        try:
            await self._store.terminate(stream_id)
        except StreamNotFound:
            log.debug("stream.gone", stream=stream_id)

    async def _take_up(self, alive: list[str]) -> None:
        now = time.monotonic()
        free = [stream for stream in await self._store.all() if not stream.owned and not stream.over]
        self._unowned = {stream.id: self._unowned.get(stream.id, now) for stream in free}
        if not free:
            return
        others = [one for one in await self._store.streamers() if one.id in alive and one.id != self._ownership.replica]
        for stream in free:
            if takes(stream, self.load(), others, now - self._unowned[stream.id]):
                await self._claim(stream.id)

    async def _claim(self, stream_id: str) -> None:
        lease = await self._ownership.claim(stream_id)
        if lease is None:
            return
        stale = self.pipelines.pop(stream_id, None)
        if stale is not None:
            await stale.stop()
        log.info("stream.taken_up", **lease.names, epoch=lease.epoch)
        pipeline = Pipeline(lease, self._parts, RedisOutlet(self._ownership, lease, self._settings))
        self.pipelines[stream_id] = pipeline
        await pipeline.apply()

    async def _give_up(self) -> None:
        for pipeline in list(self.pipelines.values()):
            report: dict[str, Any] = pipeline.report()
            await pipeline.stop()
            try:
                await self._ownership.release(pipeline.lease, report)
            except VisionfleetError:
                log.warning("stream.not_released", **pipeline.lease.names)
        self.pipelines.clear()
        try:
            await self._ownership.beat(None)
        except VisionfleetError:
            log.warning("streamer.not_deregistered")

    def load(self) -> Streamer:
        """What this service holds and may hold."""
        sources = sum(len(pipeline.lease.spec.sources) for pipeline in self.pipelines.values())
        return Streamer(
            id=self._ownership.replica,
            host=socket.gethostname(),
            pid=os.getpid(),
            pipelines=len(self.pipelines),
            sources=sources,
            max_sources=self._settings.stream_max_sources,
            keys=self._parts.hub.keys(),
            sessions=self._sessions(),
        )


def state_of(pipeline: Pipeline) -> str:
    """What the stream does now."""
    return "ended" if pipeline.over else pipeline.lease.desired


def model_of(pipeline: Pipeline) -> str:
    """The model whose batches its frames share, or its own id."""
    model = pipeline.lease.spec.model
    return model.model_id if model is not None else pipeline.lease.id
