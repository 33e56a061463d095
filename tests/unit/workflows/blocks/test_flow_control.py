"""Blocks that decide which steps go on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows.block import FlowControl
from shared.workflows.blocks.flow_control.continue_if import ContinueIf
from shared.workflows.blocks.flow_control.delta_filter import DeltaFilter
from shared.workflows.blocks.flow_control.rate_limiter import RateLimiter
from shared.workflows.images import VideoMetadata
from shared.workflows.services import Services
from shared.workflows.testing import make, run_block
from shared.workflows.uql import StatementGroup
from tests.unit.workflows.pictures import frame, image
from tests.unit.workflows.uql_steps import dynamic, group, statement, static

STEPS = ["$steps.next"]
GO, STOP = FlowControl(STEPS), FlowControl(None)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def more_than(least: int) -> StatementGroup:
    return StatementGroup.model_validate(group(statement(dynamic("n"), "(Number) >", static(least))))


def test_continue_if_looks_at_the_statement() -> None:
    def answer(n: object) -> FlowControl:
        return run_block(  # type: ignore[no-any-return] # run_block answers what the block does
            ContinueIf, condition_statement=more_than(2), evaluation_parameters={"n": n}, next_steps=STEPS
        )

    assert answer(3) == GO
    assert answer(2) == STOP
    with pytest.raises(InvalidRequest):
        answer("three")


def test_continue_if_without_steps_always_ends_the_branch() -> None:
    values = {"condition_statement": more_than(2), "evaluation_parameters": {"n": 3}}
    assert run_block(ContinueIf, next_steps=[], **values) == STOP


def test_continue_if_stays_open_for_the_delay() -> None:
    clock = Clock()
    block = make(ContinueIf, Services(monotonic=clock))

    def answer(n: int) -> FlowControl:
        values = {"condition_statement": more_than(2), "evaluation_parameters": {"n": n}, "stop_delay": 5}
        return run_block(block, next_steps=STEPS, **values)  # type: ignore[no-any-return] # as above

    assert answer(1) == STOP
    assert answer(3) == GO
    clock.now += 4
    assert answer(1) == GO
    clock.now += 2
    assert answer(1) == STOP


def test_delta_filter_goes_on_when_the_value_changes_by_video() -> None:
    block = make(DeltaFilter)
    pixels = np.zeros((2, 2, 3))

    def answer(value: object, video: str = "a") -> FlowControl:
        return run_block(block, image=frame(pixels, 1, video), value=value, next_steps=STEPS)  # type: ignore[no-any-return] # as above

    assert [answer(value) for value in (None, None, 1, 1, 2)] == [GO, STOP, GO, STOP, GO]
    assert answer(2, "b") == GO
    assert answer(np.array([1, 2])) == GO
    assert answer(np.array([1, 2])) == STOP


def test_rate_limiter_by_the_clock() -> None:
    clock = Clock()
    block = make(RateLimiter, Services(monotonic=clock))
    answers = []
    for step in (0, 0.5, 0.6, 0.5, 0.5):
        clock.now += step
        answers.append(run_block(block, depends_on=1, next_steps=STEPS))
    assert answers == [GO, STOP, GO, STOP, GO]


def test_rate_limiter_by_the_video() -> None:
    block = make(RateLimiter, Services(monotonic=Clock()))

    def answer(number: int) -> FlowControl:
        video = VideoMetadata("film", number, fps=10.0, comes_from_video_file=True)
        shown = image(np.zeros((2, 2, 3)), video)
        return run_block(block, depends_on=1, next_steps=STEPS, video_reference_image=shown)  # type: ignore[no-any-return] # as above

    assert [answer(number) for number in (1, 5, 11, 12, 21, 2)] == [GO, STOP, GO, STOP, GO, GO], (
        "2 is a film begun anew"
    )
