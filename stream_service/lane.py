"""One source of one stream: frames taken, processed up to the window at a time, and given out in order.

    camera ─offer─> subscription ─next─> begin (window, turns) ─> order ─> finish (state) ─> sinks

The queue of begun frames is the reorder buffer: its head is awaited first, and every frame ends (with its result, an
error or its deadline), so that none can hold up those behind it for longer than that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog

from shared.errors import VisionfleetError
from shared.queue.line import stop as end_tasks
from stream_service.camera import Camera
from stream_service.figures import Figures
from stream_service.frame import Frame, FrameResult
from stream_service.processor import Outcome, Processor
from stream_service.subscription import Subscription
from stream_service.turns import Turns

log = structlog.get_logger(__name__)
Emit = Callable[[Frame, Outcome, float], Awaitable[None]]
BROKEN = VisionfleetError("Processing failed on this frame; the stream service's log says why.").to_dict()


class Lane:
    """Runs until the source ends, or ``stop``.

    ``done`` is the number of the last frame that was given out, ``sequence`` how many were.
    """

    def __init__(
        self, subscription: Subscription, camera: Camera, processor: Processor, figures: Figures, emit: Emit
    ) -> None:
        self.subscription = subscription
        self.camera = camera
        self.processor = processor
        self.figures = figures
        self.in_flight = 0
        self.done = 0
        self.sequence = 0
        self.held = False
        self.window = 1
        self.turns: Turns | None = None
        """Of the model whose workers all cameras share; None: bounded by the window alone."""
        self._emit = emit
        self._order: asyncio.Queue[tuple[Frame, asyncio.Task[Outcome]] | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._session = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to take frames."""
        self._tasks = [asyncio.create_task(self._take()), asyncio.create_task(self._give())]

    @property
    def over(self) -> bool:
        """Whether the source has ended and everything of it was given out."""
        return bool(self._tasks) and all(task.done() for task in self._tasks)

    async def stop(self) -> None:
        """End at once; frames in flight are dropped."""
        await end_tasks(self._tasks)
        while not self._order.empty():
            waiting = self._order.get_nowait()
            if waiting is not None:
                waiting[1].cancel()
        await self.processor.close()

    def report(self, now: float) -> dict[str, Any]:
        """State, figures and counts as plain data. ``done`` is what a new owner begins after."""
        held = {"state": "paused"} if self.held else {}
        figures = {**self.figures.report(), "in_flight": self.in_flight, "window": self.window, "done": self.done}
        return {**self.camera.report(now), **held, **figures}

    def hold(self, held: bool) -> None:
        """Take no more frames, or go on: how a file is paused."""
        self.held = held
        self._room.set()

    async def _prepare(self) -> None:
        """Load what the processor needs while nothing waits: a first frame that did would grow old meanwhile."""
        try:
            await self.processor.prepare()
        except VisionfleetError as error:
            log.warning("stream.not_prepared", source=self.subscription.spec.id, code=error.code)  # frames say why
        except Exception:
            log.exception("stream.not_prepared", source=self.subscription.spec.id)

    async def _take(self) -> None:
        await self._prepare()
        while True:
            while self.held or self.in_flight >= self.window:
                self._room.clear()
                await self._room.wait()
            await self.subscription.filled()
            turns = self.turns if self.subscription.live else None
            if turns is not None:
                await turns.take()
            frame = await self.subscription.next()  # the newest by now
            if frame is None:
                if turns is not None:
                    turns.give_back()
                break
            self.processor.live = self.subscription.live
            self.in_flight += 1
            begun = asyncio.create_task(self.processor.begin(frame))
            if turns is not None:
                begun.add_done_callback(partial(_over, turns))
            self._order.put_nowait((frame, begun))
        self._order.put_nowait(None)

    async def _give(self) -> None:
        while (waiting := await self._order.get()) is not None:
            frame, task = waiting
            outcome = await self._outcome(frame, task)
            age_ms = (time.monotonic() - frame.captured) * 1000
            self.in_flight -= 1
            self._room.set()
            self.figures.note(outcome.cause, age_ms, outcome.timings)
            self.sequence += 1
            try:
                await self._emit(frame, outcome, age_ms)
            except Exception:
                log.exception("result.not_given_out", source=frame.source_id, frame=frame.number)
            self.done = frame.number

    async def _outcome(self, frame: Frame, task: asyncio.Task[Outcome]) -> Outcome:
        try:
            outcome = await task
            if frame.session != self._session:
                self._session = frame.session
                self.processor.reset()
            return await self.processor.finish(frame, outcome)
        except asyncio.CancelledError:
            task.cancel()
            raise
        except VisionfleetError as error:
            return Outcome(cause="model_failed", error=error.to_dict())
        except Exception:
            log.exception("frame.failed", source=frame.source_id, frame=frame.number)
            return Outcome(cause="model_failed", error=BROKEN)


def _over(turns: Turns, _: asyncio.Task[Outcome]) -> None:
    turns.give_back()


def result_of(stream_id: str, epoch: int, sequence: int, ended: tuple[Frame, Outcome, float]) -> FrameResult:
    """What sinks get."""
    frame, outcome, age_ms = ended
    return FrameResult(
        pipeline_id=stream_id,
        frame=frame,
        epoch=epoch,
        sequence=sequence,
        cause=outcome.cause,
        error=outcome.error,
        predictions=outcome.predictions,
        outputs=outcome.outputs,
        timings=outcome.timings,
        age_ms=age_ms,
    )
