"""When each part of a run began and how long it took, and the same as a file that Chrome and Perfetto open."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Span:
    """One part: times in microseconds of the monotonic clock, and the thread that it ran in."""

    name: str
    begun_us: int
    took_us: int
    thread: int
    args: dict[str, Any]


@dataclass
class Trace:
    """The parts of one run, in the order in which they ended. For use by several threads."""

    spans: list[Span] = field(default_factory=list)

    @contextmanager
    def span(self, name: str, **args: Any) -> Iterator[None]:
        """Note how long the block takes."""
        begun = time.monotonic_ns()
        try:
            yield
        finally:
            took = (time.monotonic_ns() - begun) // 1000
            self.spans.append(Span(name, begun // 1000, took, threading.get_ident(), args))

    def step_timings(self) -> dict[str, float]:
        """Milliseconds by step; a step that did not run is not there."""
        return {
            span.args["step"]: round(span.took_us / 1000, 3)
            for span in self.spans
            if span.name == "step_code_execution"
        }

    def events(self) -> list[dict[str, Any]]:
        """Complete events of Chrome's trace format."""
        return [
            {
                "name": f"{span.name}[{span.args['step']}]" if "step" in span.args else span.name,
                "ph": "X",
                "ts": span.begun_us,
                "dur": span.took_us,
                "pid": os.getpid(),
                "tid": span.thread,
                "cat": "workflow",
                "args": span.args,
            }
            for span in sorted(self.spans, key=lambda span: span.begun_us)
        ]
