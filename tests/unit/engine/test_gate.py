"""Nobody is inside with one who is alone, and he does not wait for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from worker_service.engine.runtime.gate import Gate


def test_alone_means_alone() -> None:
    gate, inside, wrong = Gate(), list[str](), list[tuple[str, ...]]()
    lock = threading.Lock()

    def visit(kind: str) -> None:
        for _ in range(200):
            with gate.alone() if kind == "alone" else gate.shared():
                with lock:
                    inside.append(kind)
                    if "alone" in inside and len(inside) > 1:
                        wrong.append(tuple(inside))
                with lock:
                    inside.remove(kind)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(visit, ["shared", "shared", "shared", "shared", "alone", "alone"]))
    assert not wrong


def test_who_wants_to_be_alone_goes_before_those_who_come_after() -> None:
    gate, order = Gate(), list[str]()
    entered, wanting = threading.Event(), threading.Event()
    leave = threading.Event()

    def first() -> None:
        with gate.shared():
            entered.set()
            leave.wait(30)
            order.append("first")

    def alone() -> None:
        wanting.set()
        with gate.alone():
            order.append("alone")

    def late() -> None:
        with gate.shared():
            order.append("late")

    threads = [threading.Thread(target=call) for call in (first, alone, late)]
    threads[0].start()
    assert entered.wait(30)
    threads[1].start()
    assert wanting.wait(30)
    while not gate._wanting:
        pass
    threads[2].start()
    leave.set()
    for thread in threads:
        thread.join()
    assert order == ["first", "alone", "late"]
