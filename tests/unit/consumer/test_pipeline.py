"""Jobs through the worker's stages, with an engine that fails where it is told to."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.unit.consumer.fakes import Division, FakeModel, Finished, pipeline, take
from worker_service.consumer.work import clock_ms


@pytest.fixture(params=[False, True], ids=["decode threads", "whole"], autouse=True)
def whole(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(Division, "whole", request.param)
    return bool(request.param)


def outcome(result: Any) -> list[str]:
    """Per image the answer's name or the error's code."""
    return [entry["output"]["name"] if "output" in entry else entry["error"]["code"] for entry in result.outputs]


def test_images_that_wait_run_as_one_batch() -> None:
    model, finished = FakeModel(), Finished()
    model.gate.clear()
    made, _ = pipeline(finished, model)
    for name in "abcde":
        made.accept(take(name))
    while not model.batches or made.room(0).live != 8 - (5 - len(model.batches[0])):
        pass  # the first batch runs, the others are prepared
    model.gate.set()
    results = finished.wait(5)
    assert {name: outcome(result) for name, result in results.items()} == {name: [name] for name in "abcde"}
    assert sum(map(len, model.batches)) == 5
    assert len(model.batches) == 2
    assert results["e"].batch == 5 - len(model.batches[0])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("broken", "invalid_image"),
        ("bug", "inference_failed"),
        ("fatal", "inference_failed"),
        ("odd", "inference_failed"),
    ],
)
def test_a_bad_image_fails_alone(bad: str, code: str) -> None:
    finished = Finished()
    made, _ = pipeline(finished)
    made.accept(take("a", bad, "c"))
    made.accept(take("other"))
    results = finished.wait(2)
    assert outcome(results["a"]) == ["a", code, "c"]
    assert (results["a"].state, results["a"].error) == ("succeeded", None)
    assert outcome(results["other"]) == ["other"]


def test_too_few_answers_fail_nobody_else() -> None:
    finished = Finished()
    made, _ = pipeline(finished)
    made.accept(take("a", "short", "c"))
    assert outcome(finished.wait(1)["a"]) == ["a", "inference_failed", "c"]


def test_a_result_that_cannot_be_written_fails_alone() -> None:
    model, finished = FakeModel(), Finished()
    model.gate.clear()
    made, _ = pipeline(finished, model)
    made.accept(take("first"))
    made.accept(take("unwritable"))
    made.accept(take("good"))
    model.gate.set()
    results = finished.wait(3)
    assert results["unwritable"].state == "failed"
    assert outcome(results["good"]) == ["good"]
    assert made.held == []


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"model": "unknown"}, "model_not_found"),
        ({"task": "object-detection"}, "unsupported_task"),
        ({"params": {"bad": 1}}, "invalid_request"),
        ({"params": {"crash": 1}}, "inference_failed"),
    ],
)
def test_a_job_that_cannot_start_ends_at_once_with_the_reason(job: dict[str, Any], code: str) -> None:
    finished = Finished()
    made, engine = pipeline(finished)
    made.accept(take("a", waited_ms=5, **job))
    result = finished.wait(1)["a"]
    assert result.state == "failed"
    assert result.error is not None
    assert result.error["code"] == code
    assert (result.worker, result.timings["queue_ms"]) == ("w1", 5.0)
    assert engine.decoded == []
    assert made.held == []


def test_a_job_without_images_is_done_when_its_model_is_loaded() -> None:
    finished = Finished()
    made, _ = pipeline(finished)
    made.accept(take(kind="load"))
    assert finished.wait(1)["none"].state == "succeeded"


def test_an_expired_job_is_not_decoded() -> None:
    finished = Finished()
    made, engine = pipeline(finished)
    made.accept(take("a", waited_ms=60_001))
    assert finished.wait(1)["a"].state == "expired"
    assert engine.decoded == []


def test_what_expired_or_was_lost_while_it_waited_for_the_model_is_not_run() -> None:
    model, finished = FakeModel(), Finished()
    model.gate.clear()
    made, _ = pipeline(finished, model)
    made.accept(take("runs"))
    while not model.batches:
        pass
    lost = take("lost")
    made.accept(take("late", timeout_ms=50))
    made.accept(lost)
    made.accept(take("next"))
    lost.lost = True
    threading.Event().wait(0.1)
    model.gate.set()
    results = finished.wait(4)
    assert results["late"].state == "expired"
    assert sorted(name for batch in model.batches for name in batch) == ["next", "runs"]


def test_room_is_for_one_batch_ahead_of_the_model() -> None:
    model, finished = FakeModel(max_batch=2), Finished()
    model.gate.clear()
    made, _ = pipeline(finished, model, prefetch=2)
    assert made.room(0) == (2, 2)
    made.accept(take("a"))
    while not model.batches:
        pass
    assert made.room(1) == (2, 2), "what the model runs is not ahead of it"
    made.accept(take("b", "c"))
    assert made.room(0.05) == (0, 2), "the others have room of their own"
    model.gate.set()
    finished.wait(2)
    assert made.room(0) == (2, 2)


def test_a_failed_image_gives_its_room_back() -> None:
    finished = Finished()
    made, _ = pipeline(finished, prefetch=2)
    made.accept(take("broken", "bug"))
    finished.wait(1)
    assert made.room(1) == (2, 2)


def test_drain_finishes_what_was_begun() -> None:
    finished = Finished()
    made, _ = pipeline(finished)
    for number in range(20):
        made.accept(take(f"n{number}"))
    assert made.drain(5)
    assert len(finished.wait(20)) == 20
    assert made.held == []


def test_drain_gives_up_on_a_model_that_hangs() -> None:
    model, finished = FakeModel(), Finished()
    model.gate.clear()
    made, _ = pipeline(finished, model)
    hung = take("a")
    made.accept(hung)
    assert not made.drain(0.1)
    assert made.held == [hung], "still ours, for others to take over"
    model.gate.set()


def test_the_run_in_progress_can_be_seen_from_outside() -> None:
    model, finished = FakeModel(), Finished()
    model.gate.clear()
    made, _ = pipeline(finished, model)
    assert made.batch_started is None
    made.accept(take("a"))
    while not model.batches:
        pass
    assert made.batch_started is not None
    model.gate.set()
    finished.wait(1)
    assert made.batch_started is None
    assert made.alive


def test_runs_overlap_when_there_may_be_several() -> None:
    model, finished = FakeModel(), Finished()
    model.gate.clear()
    made, _ = pipeline(finished, model, runs=2)
    for name in ("a", "b"):
        made.accept(take(name))
        while [name] not in model.batches:
            pass
    model.gate.set()
    assert set(finished.wait(2)) == {"a", "b"}


def test_counters_tell_what_was_done() -> None:
    finished = Finished()
    made, _ = pipeline(finished)
    made.accept(take("a", "broken"))
    made.accept(take("b"))
    finished.wait(2)
    assert made.drain(5)
    counts = made.counters.snapshot()["m"]
    assert (counts["jobs"], counts["images"], counts["failures"]) == (2, 3, 1)
    assert made.counters.rate() == pytest.approx(0.3)


def test_a_job_tells_of_the_load_that_it_waited_for() -> None:
    finished = Finished()
    made, engine = pipeline(finished)
    engine.loaded = (clock_ms() - 100, 1500.0)
    made.accept(take("a", waited_ms=5000))
    made.accept(take("b", waited_ms=1))
    results = finished.wait(2)
    assert results["a"].timings["load_ms"] == 1500.0
    assert "load_ms" not in results["b"].timings


def test_a_whole_run_prepares_its_own_images_but_those_that_lie_in_a_store(whole: bool) -> None:
    model, finished = FakeModel(), Finished()
    made, engine = pipeline(finished, model)
    threads = dict[str, str]()
    decode = engine.decode

    def noted(data: bytes, params: Any) -> str:
        threads[data.decode()] = threading.current_thread().name.split("_")[0]
        return decode(data, params)

    engine.decode = noted  # type: ignore[method-assign]
    made.accept(take("here"))
    made.accept(take("there", outside=[1]))  # an index that it has not: the bytes are here all the same
    finished.wait(2)
    assert threads == {"here": "infer" if whole else "decode", "there": "decode"}
