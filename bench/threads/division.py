"""A system whose cores are divided as ``workers/runs/threads`` says."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bench.system import System, system


def started(models: Path, preload: Sequence[str], division: str) -> AbstractContextManager[System]:
    """So many workers, runs at a time in each, threads of a run."""
    workers, runs, threads = map(int, division.split("/"))
    settings = {"runs": str(runs), "intra_op_threads": str(threads), "workers_per_host": str(workers)}
    if threads == 1 or workers > 1:
        settings["twin_max_mb"] = "0"
    return system(models, preload, workers=workers, **settings)
