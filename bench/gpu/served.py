"""The whole system in front of a GPU: HTTP, queue and so many workers on one card."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import pictures, report, wrk
from bench.system import system

MODEL = "bench-detector"
PICTURES = 16


class Served(NamedTuple):
    """What is measured."""

    concurrency: Sequence[int]
    seconds: int


def served(models: Path, folder: Path, profile: str, workers: int, options: Served) -> list[report.Row]:
    """Pictures a second at each concurrency, and the processors' time for each."""
    cores = os.cpu_count() or 1
    bodies = pictures.bodies(folder / f"bodies-{workers}", MODEL, pictures.jpegs(PICTURES, 640, 480))
    decode = str(max(2, cores // 2 // workers))
    front = str(max(1, cores // 4))
    rows: list[report.Row] = []
    settings = {"profile": profile, "processes": front, "decode_threads": decode}
    with system(models, [MODEL], workers=workers, **settings) as made:
        for connections in options.concurrency:
            wrk.run(f"{made.url}/infer/object_detection", bodies, connections, 1)
            before = sum(made.cpu_seconds().values())
            load = wrk.run(f"{made.url}/infer/object_detection", bodies, connections, options.seconds)
            used = sum(made.cpu_seconds().values()) - before
            rows.append({
                "workers": workers,
                "API processes": front,
                "decode threads": decode,
                "concurrency": connections,
                "img/s": load.rate,
                "p50 ms": load.p50,
                "p99 ms": load.p99,
                "CPU ms": 1000 * used / max(1, load.requests),
            })  # fmt: skip
            made.drain()
    return rows
