"""One job's outcome: outputs in order, state, timings."""

from __future__ import annotations

import pytest

from shared.errors import DeadlineExceeded, InvalidImage, VisionfleetError
from tests.unit.consumer.fakes import FakeModel, take
from worker_service.consumer.work import Item, Work

BAD, LATE = InvalidImage("no image"), DeadlineExceeded("too late")


def work(images: int = 1, **taken: int) -> Work:
    delivery = take(*(f"i{n}" for n in range(images)), **taken)  # type: ignore[arg-type]
    return Work(delivery, FakeModel(), "d1", None, [None] * images)  # type: ignore[arg-type]


def test_outputs_keep_the_order_of_the_images_and_the_last_one_is_known() -> None:
    job = work(3)
    assert not job.settle(2, {"output": {"n": 2}})
    assert not job.settle(0, {"output": {"n": 0}})
    assert Item(job, 1).fail(BAD), "the last one"
    result = job.result("w1", "cpu")
    assert result.outputs == [{"output": {"n": 0}}, {"error": BAD.to_dict()}, {"output": {"n": 2}}]
    assert (result.state, result.error) == ("succeeded", None)


@pytest.mark.parametrize(("error", "state"), [(BAD, "failed"), (LATE, "expired")])
def test_a_job_whose_images_all_failed_has_the_first_ones_error(error: VisionfleetError, state: str) -> None:
    job = work(2)
    Item(job, 0).fail(error)
    Item(job, 1).fail(BAD)
    result = job.result("w1", "cpu")
    assert (result.state, result.error) == (state, error.to_dict())


def test_timings_keep_the_slowest_image_and_add_up() -> None:
    job = work(1, waited_ms=100)
    job.note("decode_ms", 3.0)
    job.note("decode_ms", 2.0)
    job.settle(0, {"output": {}})
    timings = job.result("w1", "cpu").timings
    assert timings["queue_ms"] == 100
    assert timings["decode_ms"] == 3.0
    assert timings["total_ms"] >= 100


def test_the_result_says_who_made_it() -> None:
    job = work(1, attempt=2)
    job.settle(0, {"output": {}})
    job.batch = 7
    result = job.result("w1", "cpu")
    assert (result.id, result.worker, result.hardware, result.attempt, result.batch) == ("i0", "w1", "cpu", 2, 7)
    assert result.model == {"id": "m", "digest": "d1"}


def test_time_in_the_queue_counts_towards_the_limit() -> None:
    assert not work(1, waited_ms=59_000).expired
    assert work(1, waited_ms=60_001).expired
