"""Who writes results, and which ones together."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from shared.jobs import JobResult
from shared.queue.consumer import Taken
from tests.unit.consumer.fakes import FakeModel, item
from worker_service.consumer.counters import Counters
from worker_service.consumer.ending import Ending
from worker_service.consumer.pace import Pace
from worker_service.consumer.space import Space
from worker_service.consumer.work import Item

DONE = {"output": {"name": "x"}}


def test_what_ends_while_a_result_is_written_is_written_next_by_the_same_thread() -> None:
    written, begun, go_on = list[tuple[str, list[str]]](), threading.Event(), threading.Event()

    def finish(ended: Sequence[tuple[Taken, JobResult]]) -> None:
        written.append((threading.current_thread().name, [result.id for _, result in ended]))
        begun.set()
        go_on.wait(30)

    space = Space(Pace(0), 8, 1)
    ending = Ending(finish, space, Counters(), ("w1", "cpu"))
    items = {name: item(name, FakeModel()) for name in "abc"}
    for one in items.values():
        space.enter(one.work.taken)

    def settle(*ended: Item) -> None:
        ending.settle([(one, DONE) for one in ended])

    first = threading.Thread(target=settle, args=(items["a"],), name="first")
    first.start()
    assert begun.wait(30)
    settle(items["b"])  # comes back at once
    settle(items["c"])
    assert len(space.jobs) == 3
    go_on.set()
    first.join(30)
    assert written == [("first", ["a"]), ("first", ["b", "c"])]
    assert space.jobs == []
    ending.post.shutdown()
