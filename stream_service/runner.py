"""One sink of one stream at work: a queue and a task, so that nobody waits for it who need not."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict, deque
from typing import Any

import structlog

from shared.errors import LeaseLost, VisionfleetError
from stream_service.frame import FrameResult
from stream_service.sink import Sink

log = structlog.get_logger(__name__)
LOG_EVERY_S = 10.0
OPEN_AGAIN_S = 5.0
CANCELS, CLOSE_S = 3, 1.0


class SinkRunner:
    """Opens the sink, feeds it, closes it; counts what it took, what it failed at and what it was too slow for."""

    def __init__(self, sink: Sink, timeout_s: float) -> None:
        self.sink = sink
        self.counts: Counter[str] = Counter()
        self.error: dict[str, Any] | None = None
        self._timeout_s = None if sink.patient else timeout_s
        self._queue: asyncio.Queue[FrameResult | None] = asyncio.Queue(sink.queue)
        self._task: asyncio.Task[None] | None = None
        self._unwritten: dict[str, deque[int]] = defaultdict(deque)
        self._logged = float("-inf")
        self._ended = False

    def start(self) -> None:
        """Begin to feed it."""
        self._task = asyncio.create_task(self._run())

    async def put(self, result: FrameResult, *, live: bool) -> None:
        """Hand over a result. Waits for room only when the stream is a file."""
        if live:
            while self._queue.full():
                self._queue.get_nowait()
                self.counts["sink_full"] += 1
            self._queue.put_nowait(result)
        else:
            unwritten = self._unwritten[result.frame.source_id]
            unwritten.append(result.frame.number)
            try:
                await self._queue.put(result)
            except asyncio.CancelledError:
                unwritten.pop()
                raise

    def first_unwritten(self, source_id: str) -> int | None:
        """The number of the first frame of a file that it was given and has not taken; after a takeover it counts."""
        return next(iter(self._unwritten[source_id]), None)

    async def drain(self) -> None:
        """Let it finish what waits, then close it. A patient sink takes as long as it wants."""
        if self._task is not None:
            await self._queue.put(None)
            await asyncio.wait([self._task], timeout=None if self._timeout_s is None else self._timeout_s * 2)
            await self.stop()

    async def stop(self) -> None:
        """Close it without what waits."""
        self._ended = True
        for _ in range(CANCELS):  # what is canceled while an answer arrives may not notice
            if self._task is None or self._task.done():
                return
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CLOSE_S)

    def report(self) -> dict[str, Any]:
        """Its state as plain data."""
        return {
            "type": self.sink.NAME,
            "waiting": self._queue.qsize(),
            "error": self.error,
            "counts": dict(self.counts),
        }

    async def _run(self) -> None:
        try:
            await self._open()
            while not self._ended and (result := await self._queue.get()) is not None:
                if await self._attempt(self.sink.write(result), "failed"):
                    self.counts["written"] += 1
                if unwritten := self._unwritten[result.frame.source_id]:
                    unwritten.popleft()
        finally:
            await self._attempt(self.sink.close(), "failed_closes")

    async def _open(self) -> None:
        while True:
            if await self._attempt(self.sink.open(), "failed_opens"):
                return
            await asyncio.sleep(OPEN_AGAIN_S)

    async def _attempt(self, work: Any, count: str) -> bool:
        try:
            await asyncio.wait_for(work, self._timeout_s)
        except LeaseLost:
            self.counts["lease_lost"] += 1
            return False
        except asyncio.TimeoutError:
            self._failed(count, {"code": "sink_timeout", "message": "The sink took too long for a result."})
            return False
        except VisionfleetError as error:
            self._failed(count, error.to_dict())
            return False
        except Exception as error:  # noqa: BLE001 - a sink's bug must not end the stream
            self._failed(count, {"code": "sink_failed", "message": "The sink failed; the log says why."}, error)
            return False
        self.error = None
        return True

    def _failed(self, count: str, told: dict[str, Any], cause: Exception | None = None) -> None:
        self.counts[count] += 1
        self.error = told
        if time.monotonic() - self._logged > LOG_EVERY_S:
            self._logged = time.monotonic()
            log.warning("sink.failed", sink=self.sink.NAME, code=told["code"], exc_info=cause)
