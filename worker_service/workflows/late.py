"""The runner of workflows, made when the first run comes: its libraries cost memory and seconds, often for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker_service.workflows.line import Begun
    from worker_service.workflows.runner import Runner


class LateRunner:
    """Runs jobs of kind ``workflow`` by a runner that ``make`` makes once; for several threads. Close it in the end."""

    def __init__(self, make: Callable[[], Runner]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: Runner | None = None

    def __call__(self, begun: Begun) -> dict[str, Any]:
        """The answer of one job. Raises what is wrong with it."""
        return self.made()(begun)

    def made(self) -> Runner:
        """The runner, with all blocks imported."""
        with self._lock:
            if self._made is None:
                runner = self._make()
                runner.prepare()
                self._made = runner
            return self._made

    def close(self) -> None:
        """Let go of what the runner holds, if there is one."""
        with self._lock:
            if self._made is not None:
                self._made.close()
