"""Runs of many steps in the pipeline: who joins, who is answered first, and what a failure takes with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.consumer.fakes import FakeModel, Finished, item, pipeline, take
from worker_service.consumer.pace import Pace
from worker_service.consumer.pipeline import Pipeline
from worker_service.consumer.ready import ReadyQueue
from worker_service.engine.family import Prepared


@dataclass
class Stepper(FakeModel):
    """An image ``name:7`` takes seven steps. ``before`` is called in front of each step, with its number."""

    before: Callable[[int], None] = lambda _: None
    added: list[list[str]] = field(default_factory=list)

    def open(self) -> Running:
        return Running(self)


class Running:
    def __init__(self, model: Stepper) -> None:
        self.model, self.left, self.count = model, dict[int, list[Any]](), 0

    def __len__(self) -> int:
        return len(self.left)

    def add(self, batch: Sequence[Prepared]) -> None:
        names = [str(item.tensors["x"]) for item in batch]
        self.model.added.append(names)
        if "blind" in names[0]:
            raise RuntimeError("not seen")
        self.left |= {id(one): [one, int(name.split(":")[1])] for one, name in zip(batch, names, strict=True)}

    def step(self) -> list[tuple[Prepared, Any]]:
        self.model.before(self.count)
        self.count += 1
        for entry in self.left.values():
            entry[1] -= 1
        done = [entry[0] for entry in self.left.values() if not entry[1]]
        self.left = {key: entry for key, entry in self.left.items() if entry[1]}
        return [(one, str(one.tensors["x"])) for one in done]


def joins(made: Pipeline, name: str) -> None:
    """Let an image in, and wait until it is ready to join."""
    made.accept(take(name))
    deadline = time.monotonic() + 20
    while not made._ready._turn and time.monotonic() < deadline:
        time.sleep(0.001)


def test_who_joins_is_answered_when_it_is_done() -> None:
    finish, model = Finished(), Stepper()
    made, _ = pipeline(finish, model)

    def before(step: int) -> None:
        if step == 3:
            joins(made, "short:2")
        if step == 10:
            finish.wait(1)  # the short one, while the long one is on its way

    model.before = before
    made.accept(take("long:5000"))
    ended = finish.wait(2)
    assert [result.id for result in finish.results] == ["short:2", "long:5000"]
    assert {result.batch for result in ended.values()} == {2}
    assert model.added == [["long:5000"], ["short:2"]]
    assert model.batches == []
    assert ended["short:2"].timings["infer_ms"] <= ended["long:5000"].timings["infer_ms"]


def test_a_step_that_fails_is_tried_alone() -> None:
    finish, model = Finished(), Stepper()

    def before(step: int) -> None:
        if step == 2:
            raise RuntimeError("the graph refused")

    model.before = before
    made, _ = pipeline(finish, model)
    made.accept(take("one:9"))
    assert finish.wait(1)["one:9"].state == "succeeded"
    assert model.batches == [["one:9"]]


def test_who_cannot_join_does_not_end_the_others() -> None:
    finish, model = Finished(), Stepper()
    made, _ = pipeline(finish, model)
    joined = threading.Event()

    def before(step: int) -> None:
        if step == 1:
            joins(made, "blind:1")
        if len(model.added) > 1:
            joined.set()

    model.before = before
    made.accept(take("one:5000"))
    ended = finish.wait(2)
    assert joined.is_set()
    assert {result.state for result in ended.values()} == {"succeeded"}
    assert model.batches == [["blind:1"]]


def test_nobody_joins_while_others_wait() -> None:
    ready, model, other = ReadyQueue(Pace(0)), FakeModel(), FakeModel("n")
    ready.put(item("a", model, "bulk"))
    ready.put(item("b", model, "live"))
    assert [one.work.taken.job.id for one in ready.more(model, 1)] == ["b"]  # type: ignore[arg-type]
    ready.put(item("c", other))
    assert ready.more(model, 9) == []  # type: ignore[arg-type]
    assert ready.take()[0].work.model is other
    assert ready.more(FakeModel(), 9) == []  # type: ignore[arg-type] - the same name, loaded anew
    assert [one.work.taken.job.id for one in ready.more(model, 9)] == ["a"]  # type: ignore[arg-type]
    assert ready.more(model, 9) == []  # type: ignore[arg-type]
