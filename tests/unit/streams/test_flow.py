"""Subscriptions, lanes and the budget: what is dropped, what waits, and that order holds whatever happens."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from shared.errors import InferenceFailed
from shared.streams.spec import SourceSpec
from stream_service.budget import Budget
from stream_service.figures import Figures, percentiles
from stream_service.frame import Frame
from stream_service.lane import Lane
from stream_service.picture import ArrayPicture
from stream_service.processor import Outcome, Processor
from stream_service.subscription import AHEAD, Subscription

PICTURE = ArrayPicture(np.zeros((8, 8, 3), np.uint8))
SPEC = SourceSpec(reference="rtsp://cam", id="a")


def frame(number: int, session: int = 1) -> Frame:
    return Frame("a", 0, number, session, time.monotonic(), time.time(), number / 10, PICTURE)


class FakeCamera:
    def report(self, now: float) -> dict[str, Any]:
        del now
        return {"state": "running"}


class Scripted(Processor):
    """Takes the given time for each frame; errors are raised in ``finish``."""

    def __init__(self, seconds: dict[int, float], broken: frozenset[int] = frozenset()) -> None:
        self.seconds, self.broken = seconds, broken
        self.finished: list[int] = []
        self.resets = 0
        self.most = self.now = 0

    @override
    async def begin(self, frame: Frame) -> Outcome:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds.get(frame.number, 0))
        self.now -= 1
        return Outcome()

    @override
    async def finish(self, frame: Frame, outcome: Outcome) -> Outcome:
        self.finished.append(frame.number)
        if frame.number in self.broken:
            raise InferenceFailed("broken")
        return outcome

    @override
    def reset(self) -> None:
        self.resets += 1


async def ran(processor: Processor, frames: list[Frame], window: int) -> tuple[Lane, list[tuple[int, str]]]:
    """The frames through a lane, as from a file."""
    out: list[tuple[int, str]] = []

    async def emit(frame: Frame, outcome: Outcome, age_ms: float) -> None:
        assert age_ms >= 0
        out.append((frame.number, outcome.cause))

    subscription = Subscription(SPEC, None, 0)
    subscription.live = False
    lane = Lane(subscription, FakeCamera(), processor, Figures(), emit)  # type: ignore[arg-type]
    lane.window = window
    lane.start()

    def read() -> None:
        for one in frames:
            subscription.offer(one)
        subscription.end()

    await asyncio.to_thread(read)
    await asyncio.wait_for(asyncio.gather(*lane._tasks), 10)
    return lane, out


async def test_results_leave_in_order_although_later_ones_are_ready_first() -> None:
    processor = Scripted({1: 0.1, 2: 0.05})
    _, out = await ran(processor, [frame(n) for n in range(1, 13)], window=4)
    assert out == [(n, "") for n in range(1, 13)]
    assert processor.finished == list(range(1, 13))
    assert processor.most == 4


async def test_a_failed_frame_is_counted_and_nothing_stalls() -> None:
    lane, out = await ran(Scripted({}, frozenset({2, 3})), [frame(n) for n in range(1, 6)], window=2)
    assert [cause for _, cause in out] == ["", "model_failed", "model_failed", "", ""]
    assert lane.figures.counts == {"ok": 3, "model_failed": 2}
    assert lane.done == 5


async def test_a_new_connection_resets_what_has_state() -> None:
    processor = Scripted({})
    await ran(processor, [frame(1), frame(2), frame(3, session=2), frame(4, session=2)], window=2)
    assert processor.resets == 2  # the first connection counts too


class Slow(Scripted):
    """Is ready when ``loaded`` is set."""

    def __init__(self, fails: Exception | None = None) -> None:
        super().__init__({})
        self.loaded = asyncio.Event()
        self.fails = fails

    @override
    async def prepare(self) -> None:
        await self.loaded.wait()
        if self.fails is not None:
            raise self.fails


@pytest.mark.parametrize("fails", [None, InferenceFailed("no such block"), ValueError("a mistake")])
async def test_no_frame_waits_for_the_processor_to_be_ready(fails: Exception | None) -> None:
    """What comes meanwhile is replaced by what is newer; what is wrong shows at the frames."""
    processor, out = Slow(fails), asyncio.Queue[int]()

    async def emit(frame: Frame, outcome: Outcome, age_ms: float) -> None:
        del outcome, age_ms
        out.put_nowait(frame.number)

    subscription = Subscription(SPEC, None, 0)
    lane = Lane(subscription, FakeCamera(), processor, Figures(), emit)  # type: ignore[arg-type]
    lane.start()
    for number in range(1, 6):
        subscription.offer(frame(number))
        await asyncio.sleep(0)
    assert (processor.most, lane.in_flight) == (0, 0)
    processor.loaded.set()
    assert await asyncio.wait_for(out.get(), 10) == 5
    assert subscription.counts == {"received": 5, "window_full": 4}
    await lane.stop()


async def test_live_keeps_the_newest_and_counts_the_rest() -> None:
    subscription = Subscription(SPEC, None, 0)
    for number in range(1, 6):
        subscription.offer(frame(number))
    taken = await subscription.next()
    assert taken is not None
    assert taken.number == 5
    assert subscription.counts == {"received": 5, "window_full": 4}


async def test_a_file_waits_for_room_and_loses_nothing() -> None:
    subscription = Subscription(SPEC, None, 0)
    subscription.live = False
    reader = threading.Thread(target=lambda: [subscription.offer(frame(number)) for number in range(1, 31)])
    reader.start()
    await asyncio.sleep(0.05)
    assert reader.is_alive()
    assert len(subscription._frames) == AHEAD
    numbers = [taken.number for _ in range(30) if (taken := await subscription.next())]
    await asyncio.to_thread(reader.join, 5)
    assert numbers == list(range(1, 31))


async def test_what_was_done_before_a_takeover_is_passed_over() -> None:
    subscription = Subscription(SPEC, None, 0, skip=3)
    subscription.live = False
    for number in range(1, 6):
        subscription.offer(frame(number))
    subscription.end()
    assert [one.number for _ in range(3) if (one := await subscription.next())] == [4, 5]


async def test_a_closed_subscription_lets_its_reader_go() -> None:
    subscription = Subscription(SPEC, None, 0)
    subscription.live = False
    reader = threading.Thread(target=lambda: [subscription.offer(frame(number)) for number in range(10)])
    reader.start()
    await asyncio.sleep(0.02)
    subscription.close()
    await asyncio.to_thread(reader.join, 5)
    assert not reader.is_alive()


async def test_the_budget_is_kept_and_served_in_turn() -> None:
    budget = Budget(100)
    order: list[str] = []

    async def hold(name: str, size: int) -> None:
        async with budget.hold(size):
            order.append(name)
            assert budget.used <= 100 or name == "huge"
            await asyncio.sleep(0.01)

    await asyncio.gather(hold("a", 60), hold("huge", 500), hold("b", 60), hold("c", 10))
    assert order == ["a", "huge", "b", "c"]
    assert budget.used == 0


async def test_a_canceled_waiter_costs_nothing() -> None:
    budget = Budget(10)
    async with budget.hold(10):
        waiting = asyncio.create_task(budget.hold(5).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert budget.used == 0
    async with budget.hold(10):
        assert budget.used == 10


def test_percentiles_by_nearest_rank() -> None:
    assert percentiles([]) == {}
    assert percentiles([float(n) for n in range(101)]) == {"p50": 50, "p95": 95, "p99": 99}
