"""What a job used, and the rows of an account."""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.errors import DeadlineExceeded, InferenceFailed
from shared.jobs import Job, JobResult
from shared.usage.store import Asked, summed_up
from shared.usage.use import INSIDE, Use, summed, use_of, who

ONE, TWO = date(2026, 11, 1), date(2026, 11, 2)
DAYS: list[tuple[date, dict[bytes, bytes]]] = [
    (ONE, {b"jobs a/1 k1": b"2", b"images a/1 k1": b"5", b"infer_us a/1 k1": b"1500000", b"jobs b an owner": b"1"}),
    (TWO, {b"jobs a/1 k1": b"1", b"failed a/1 k1": b"1", b"images a/1 ": b"7", b"broken": b"1", b"jobs a/1 x": b"-"}),
]


def rows(**asked: Any) -> list[tuple[Any, ...]]:
    found = summed_up(Asked(ONE, TWO, **asked), DAYS)
    return [(row.day, row.key, row.model, row.jobs, row.failed, row.images, row.infer_s) for row in found]


def test_rows_by_day_key_and_model() -> None:
    assert rows() == [
        (ONE, "an owner", "b", 1, 0, 0, 0.0),
        (ONE, "k1", "a/1", 2, 0, 5, 1.5),
        (TWO, "", "a/1", 0, 0, 7, 0.0),
        (TWO, "k1", "a/1", 1, 1, 0, 0.0),
        (TWO, "x", "a/1", 0, 0, 0, 0.0),
    ]


def test_rows_are_summed_up_and_filtered() -> None:
    assert rows(by=("key",), model="a/1", key="k1") == [(None, "k1", None, 3, 1, 5, 1.5)]
    assert rows(by=()) == [(None, None, None, 4, 1, 12, 1.5)]
    assert rows(key="", by=("model",)) == [(None, None, "a/1", 0, 0, 7, 0.0)]


def test_what_a_job_used() -> None:
    job = Job("m", [b"x", b"y"], key="k1", owner="o")
    answered = JobResult(job.id, "succeeded", outputs=[{"output": {}}, {"error": {}}])
    assert use_of(job, answered, 2.5) == [Use("m", 1, 0, 1, 2500)]
    assert use_of(job, JobResult.failed(job.id, InferenceFailed("")), 0) == [Use("m", 1, 1, 0, 0)]
    assert use_of(job, JobResult.failed(job.id, DeadlineExceeded("")), 0) == []
    assert use_of(Job("m", key=INSIDE), answered, 1) == [], "its workflow counts"
    assert use_of(Job("m", kind="load"), JobResult("", "succeeded"), 1) == []
    run = Job("@workflows", [b"x", b"y"], kind="workflow")
    assert use_of(run, JobResult("", "succeeded", outputs=[{"output": {}}]), 0) == [Use("@workflows", 1, 0, 2, 0)]


def test_who_it_is_counted_under() -> None:
    assert (who(Job("m", key="k", owner="o")), who(Job("m", owner="o")), who(Job("m"))) == ("k", "o", "")


def test_steps_of_one_model_are_one_line() -> None:
    assert summed([Use("a", 0, 0, 2, 10), Use("b", 1, 0, 1, 0), Use("a", 0, 0, 3, 5)]) == [
        Use("a", 0, 0, 5, 15),
        Use("b", 1, 0, 1, 0),
    ]
