"""Run the steps of a plan as they become ready, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeAlias

from shared.workflows.plan import Plan

Work: TypeAlias = Callable[[], None]
Pick: TypeAlias = Callable[[list[str]], list[str]]


def nothing() -> None:
    """For runs that nobody interrupts."""


def in_plan_order(ready: list[str]) -> list[str]:
    """The order in which steps that are ready start: that of the plan."""
    return ready


class Executor:
    """A pool of threads that steps run in. One may serve several runs at once."""

    def __init__(self, concurrent: int, pick: Pick = in_plan_order, threads: int = 0) -> None:
        """``concurrent`` steps of one run at a time; ``pick`` reorders those that are ready, for tests.

        ``threads`` are shared by all runs; as many as one run needs unless told.
        """
        self._concurrent = concurrent
        self._pick = pick
        self._pool = ThreadPoolExecutor(max(threads, concurrent), "step") if concurrent > 1 else None

    def run(self, plan: Plan, work: Mapping[str, Work], proceed: Work = nothing) -> None:
        """Call each step's work once what it needs is done. The first error ends the run; what runs finishes.

        ``proceed`` is called before each step and raises to end the run (canceled, too late).
        """
        waiting = {name: set(step.needs) for name, step in plan.steps.items()}
        running: dict[Future[None], str] = {}
        try:
            while waiting or running:
                ready = self._pick([name for name, needs in waiting.items() if not needs])
                for name in ready[: self._concurrent - len(running)]:
                    del waiting[name]
                    proceed()
                    if self._pool is None or (not running and len(ready) == 1):  # no other thread could help
                        work[name]()
                        _done(waiting, name)
                    else:
                        running[self._pool.submit(work[name])] = name
                self._collect(waiting, running)
        finally:
            wait(running)

    def _collect(self, waiting: dict[str, set[str]], running: dict[Future[None], str]) -> None:
        if not running:
            return
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            future.result()
        for future in finished:
            _done(waiting, running.pop(future))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


def _done(waiting: dict[str, set[str]], name: str) -> None:
    for needs in waiting.values():
        needs.discard(name)
