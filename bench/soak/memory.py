"""Memory of each process over the requests served, and how fast it grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import linear_regression, median
from typing import Any

import psutil
import redis

from bench import report

MIB = 2**20
WARM_UP = 0.2
"""Share of the requests that does not count: allocators, caches and thread stacks fill up in it."""


@dataclass
class Memory:
    """Samples in MiB: resident size per process (its children included), and what Redis says its data takes."""

    pids: dict[str, int]
    redis_url: str
    served: list[int] = field(default_factory=list)
    mib: dict[str, list[float]] = field(default_factory=dict)

    def sample(self, served: int) -> None:
        """Look once, after so many requests."""
        self.served.append(served)
        for name, pid in self.pids.items():
            self.mib.setdefault(f"{name} RSS", []).append(resident(pid) / MIB)
        with redis.Redis.from_url(self.redis_url) as client:
            facts: Any = client.info("memory")
        self.mib.setdefault("redis data", []).append(facts["used_memory_dataset"] / MIB)

    def rows(self, limit_mib: float) -> list[report.Row]:
        """What each process held at the start, after the warm-up and at the end, and its growth since the warm-up."""
        begin = next(i for i, served in enumerate(self.served) if served >= WARM_UP * self.served[-1])
        return [self._row(name, values, begin, limit_mib) for name, values in self.mib.items()]

    def _row(self, name: str, values: list[float], begin: int, limit_mib: float) -> report.Row:
        served = self.served[begin:]
        slope = linear_regression(served, values[begin:]).slope
        growth = slope * (served[-1] - served[0])
        quarter = max(1, len(served) // 4)
        return {
            "memory": name,
            "first MiB": values[0],
            "after warm-up": median(values[begin : begin + quarter]),
            "at the end": median(values[-quarter:]),
            "bytes/request": slope * MIB,
            "growth MiB": growth,
            "limit MiB": limit_mib,
            "flat": "yes" if growth <= limit_mib else "NO",
        }


def resident(pid: int) -> int:
    """Bytes of a process and its children."""
    process = psutil.Process(pid)
    return sum(part.memory_info().rss for part in (process, *process.children(recursive=True)))
