"""Which prepared images the model runs next."""

from __future__ import annotations

import threading

from tests.unit.consumer.fakes import FakeModel, item
from worker_service.consumer.pace import RECENT, Pace
from worker_service.consumer.ready import FAIR_EVERY, ReadyQueue
from worker_service.consumer.work import Item

CAT, DOG = FakeModel("cat"), FakeModel("dog")


def filled(*items: Item) -> ReadyQueue:
    queue = ReadyQueue(Pace(0))
    for one in items:
        queue.put(one)
    return queue


def names(batch: list[Item]) -> list[str]:
    return [one.work.taken.job.id for one in batch]


def test_a_batch_is_of_one_model_oldest_first_and_no_longer_than_it_takes() -> None:
    queue = filled(*(item(f"c{n}", CAT) for n in range(6)), item("d0", DOG))
    assert names(queue.take()) == ["c0", "c1", "c2", "c3"]
    assert names(queue.take()) == ["d0"], "the other model's turn"
    assert names(queue.take()) == ["c4", "c5"]


def test_live_first_and_alone_then_a_batch_of_the_others() -> None:
    queue = filled(item("b", CAT, "bulk"), item("n", CAT, "normal"), item("l", CAT, "live"))
    assert names(queue.take()) == ["l"]
    assert names(queue.take()) == ["n", "b"]


def test_a_flood_of_live_images_does_not_starve_the_bulk() -> None:
    queue = filled(item("b", CAT, "bulk"), *(item(f"l{n}", CAT) for n in range(100)))
    assert ["b"] in [names(queue.take()) for _ in range(FAIR_EVERY)]


def test_a_model_with_live_images_goes_before_one_with_bulk() -> None:
    queue = filled(*(item(f"c{n}", CAT, "bulk") for n in range(9)), item("d0", DOG))
    assert names(queue.take()) == ["d0"]
    assert names(queue.take()) == ["c0", "c1", "c2", "c3"]


def test_equally_urgent_models_take_turns() -> None:
    queue = filled(*(item(f"{model.name}{n}", model) for n in range(8) for model in (CAT, DOG)))
    assert [queue.take()[0].work.model.manifest.id for _ in range(4)] == ["cat", "dog", "cat", "dog"]


def test_an_unknown_lane_counts_as_the_least_urgent() -> None:
    queue = filled(item("x", CAT, "whatever"), item("n", CAT, "normal"))
    assert names(queue.take()) == ["n", "x"]


def test_take_waits_for_an_image_and_ends_when_closed() -> None:
    queue, taken = ReadyQueue(Pace(0)), list[list[str]]()

    def run() -> None:
        while batch := queue.take():
            taken.append(names(batch))

    thread = threading.Thread(target=run)
    thread.start()
    queue.put(item("late", CAT))
    queue.close()
    thread.join(5)
    assert not thread.is_alive()
    assert taken == [["late"]]


def test_idle_runs_get_an_image_each_before_one_gets_two() -> None:
    pace = Pace(20)
    pace.note("cat", 5.0)
    queue, taken = ReadyQueue(pace), list[list[str]]()
    runs = [threading.Thread(target=lambda: taken.append(names(queue.take()))) for _ in range(2)]
    for run in runs:
        run.start()
    while queue._idle < 2:
        runs[0].join(0.01)
    with queue._changed:  # both are ready before a run can look
        for name in ("a", "b"):
            queue.put(item(name, CAT))
    for run in runs:
        run.join(10)
    assert sorted(taken) == [["a"], ["b"]]
    for name in ("c", "d"):
        queue.put(item(name, CAT))
    assert names(queue.take()) == ["c", "d"], "nobody else is idle"


def test_what_runs_in_no_time_shares_a_run_even_beside_idle_ones() -> None:
    pace = Pace(20)
    assert pace.most(CAT, 2, 2) == CAT.max_batch, "nothing is known yet"
    pace.note("cat", 0.1)
    assert pace.most(CAT, 2, 2) == CAT.max_batch
    pace.note("dog", 5.0)
    assert pace.most(DOG, 2, 2) == 1
    assert pace.most(DOG, 3, 1) == 3


def test_images_that_take_long_share_no_run() -> None:
    pace = Pace(20)
    queue = ReadyQueue(pace)
    pace.note("cat", 130.0)
    pace.note("dog", 5.0)
    for name, model in (("c0", CAT), ("c1", CAT), ("d0", DOG), ("d1", DOG)):
        queue.put(item(name, model))
    assert [names(queue.take()) for _ in range(3)] == [["c0"], ["d0", "d1"], ["c1"]]
    for _ in range(20):
        pace.note("cat", 5.0)
    assert pace.most(CAT, 4, 1) == CAT.max_batch, "it has become fast"


def test_slow_models_are_not_taken_far_ahead() -> None:
    pace = Pace(20, 50)
    assert pace.ahead(8, 2) == 8, "nothing is known yet"
    pace.note("cat", 130.0)
    assert pace.ahead(8, 2) == 2, "another worker may be idle"
    assert Pace(20).ahead(8, 2) == 8
    pace = Pace(20, 50)
    pace.note("dog", 5.0)
    assert pace.ahead(8, 2) == 8
    for number in range(RECENT):
        pace.note(f"fast {number}", 1.0)
    assert len(pace._ms) == RECENT
