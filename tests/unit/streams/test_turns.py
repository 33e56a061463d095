"""Turns: as many frames as the workers can use, newest first, every camera in its turn."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from typing_extensions import override

from shared.errors import QueueUnavailable
from shared.fleet.state import Fleet, ModelInfo, WorkerInfo
from shared.streams.spec import PipelineSpec, SourceSpec
from stream_service.figures import Figures
from stream_service.frame import Frame
from stream_service.lane import Lane
from stream_service.picture import ArrayPicture
from stream_service.pipeline import live_window
from stream_service.processor import Outcome, Processor
from stream_service.subscription import Subscription
from stream_service.turns import FIRST, Crowd, Turns, hands

PICTURE = ArrayPicture(np.zeros((8, 8, 3), np.uint8))
MODEL = "shapes-detector"


def worker(runs: int, batch: int, held: str = MODEL, state: str = "ready") -> WorkerInfo:
    made = WorkerInfo("w", "cpu", "host", 1, "1", 0, capacity=batch, runs=runs, held=[{"id": held}])
    made.state = state  # type: ignore[assignment]
    return made


def fleet(*workers: WorkerInfo) -> Fleet:
    return Fleet(list(workers), {MODEL: ModelInfo(MODEL, "object-detection", "yolov8", aliases=["shapes/1"])})


def spec(model: str | None = MODEL) -> PipelineSpec:
    given = {"sources": [{"reference": "rtsp://cam"}], "model": {"model_id": model}} if model else {}
    return PipelineSpec.model_validate({"sources": [{"reference": "rtsp://cam"}], **given})


def test_workers_that_hold_the_model_decide_how_many() -> None:
    assert hands(fleet(worker(2, 2)), MODEL) == 6
    assert hands(fleet(worker(2, 2), worker(1, 8)), "shapes/1") == 6 + 9
    assert hands(fleet(worker(2, 2), worker(1, 8, held="other"), worker(1, 8, state="draining")), MODEL) == 6
    assert hands(fleet(), MODEL) == FIRST, "nobody holds it yet"


def test_a_fast_model_gets_more() -> None:
    turns = Turns()
    turns.adapt(fleet(worker(2, 2)), MODEL, time.monotonic())
    assert turns.limit == 6
    turns.done += 500
    turns.adapt(fleet(worker(2, 2)), MODEL, turns._looked[0] + 1.0)
    assert turns.limit == 50, "what is done in a tenth of a second"


def test_few_cameras_have_two_frames_each_in_flight() -> None:
    turns = Turns()
    turns.limit = 6
    assert [live_window(cameras, turns) for cameras in (1, 2, 5, 6, 16)] == [1, 2, 2, 1, 1]
    assert [live_window(cameras, None) for cameras in (1, 2, 16)] == [1, 2, 2]


async def test_whoever_came_first_is_served_first_and_who_leaves_is_passed_over() -> None:
    turns, served = Turns(), []
    turns.limit = 1
    await turns.take()

    async def wait(name: str) -> None:
        await turns.take()
        served.append(name)

    tasks = [asyncio.create_task(wait(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    for _ in range(2):
        turns.give_back()
        await asyncio.sleep(0.01)
    assert served == ["a", "c"]
    turns.give_back()
    assert turns.used == 0


async def test_a_turn_given_to_who_is_just_leaving_goes_on() -> None:
    turns = Turns()
    turns.limit = 1
    await turns.take()
    task = asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    turns.give_back()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert turns.used == 0


async def test_the_crowd_has_one_set_of_turns_for_each_model_and_survives_a_lost_redis() -> None:
    async def lost() -> Fleet:
        raise QueueUnavailable("no Redis")

    crowd = Crowd(lost)
    assert crowd.of(spec(None)) is None
    first = crowd.of(spec())
    assert first is crowd.of(spec())
    assert first is not crowd.of(spec("other"))
    await crowd.adapt()
    assert first is not None
    assert first.limit == FIRST


class Held(Processor):
    """Holds every frame until it is let go."""

    def __init__(self) -> None:
        self.begun: list[Frame] = []
        self.go = asyncio.Event()

    @override
    async def begin(self, frame: Frame) -> Outcome:
        self.begun.append(frame)
        await self.go.wait()
        return Outcome()


class Still:
    """A camera that is told what it sends by the test."""


def frame(source: str, number: int) -> Frame:
    return Frame(source, 0, number, 1, time.monotonic(), time.time(), None, PICTURE)


async def lanes_of(count: int, turns: Turns, processor: Processor) -> list[Lane]:
    async def emit(frame: Frame, outcome: Outcome, age_ms: float) -> None:
        """Nobody takes results here."""

    made = []
    for number in range(count):
        subscription = Subscription(SourceSpec(reference="rtsp://cam", id=str(number)), None, 0)
        lane = Lane(subscription, Still(), processor, Figures(), emit)  # type: ignore[arg-type]
        lane.turns = turns
        lane.start()
        made.append(lane)
    return made


async def until(holds: object) -> None:
    for _ in range(500):
        if holds():  # type: ignore[operator]
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


async def test_a_camera_that_waits_for_its_turn_sends_the_newest_it_has_then() -> None:
    turns, processor = Turns(), Held()
    turns.limit = 2
    lanes = await lanes_of(3, turns, processor)
    for lane in lanes[:2]:
        lane.subscription.offer(frame(lane.subscription.spec.id, 1))
        await asyncio.sleep(0.01)
    await until(lambda: len(processor.begun) == 2)
    for number in (1, 2, 3):
        lanes[2].subscription.offer(frame("2", number))
        await asyncio.sleep(0.01)
    assert len(processor.begun) == 2
    assert turns.used == 2
    processor.go.set()
    await until(lambda: len(processor.begun) == 3)
    assert (processor.begun[2].source_id, processor.begun[2].number) == ("2", 3)
    await until(lambda: turns.used == 0)
    assert turns.done == 3
    for lane in lanes:
        await lane.stop()


async def test_a_lane_that_is_stopped_or_ends_leaves_no_turn_behind() -> None:
    turns, processor = Turns(), Held()
    turns.limit = 1
    ending, waiting, holding = await lanes_of(3, turns, processor)
    holding.subscription.offer(frame("2", 1))
    await until(lambda: turns.used == 1)
    waiting.subscription.offer(frame("1", 1))
    ending.subscription.end()
    await asyncio.sleep(0.05)
    await waiting.stop()
    await holding.stop()
    await until(lambda: ending.over)
    await until(lambda: turns.used == 0)


async def test_files_need_no_turn() -> None:
    turns, processor = Turns(), Held()
    turns.limit = 0
    (lane,) = await lanes_of(1, turns, processor)
    lane.subscription.live = False
    lane.subscription.offer(frame("0", 1))
    await until(lambda: len(processor.begun) == 1)
    await lane.stop()
