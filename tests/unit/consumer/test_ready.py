"""Which prepared images the model runs next."""

from __future__ import annotations

import threading

from tests.unit.consumer.fakes import FakeModel, item
from worker_service.consumer.ready import FAIR_EVERY, ReadyQueue
from worker_service.consumer.work import Item

CAT, DOG = FakeModel("cat"), FakeModel("dog")


def filled(*items: Item) -> ReadyQueue:
    queue = ReadyQueue()
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
    queue, taken = ReadyQueue(), list[list[str]]()

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
