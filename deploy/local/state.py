"""``<data>/server.json``: which launcher uses the data folder, for whoever wants to stop it or to know."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

NAME = "server.json"


@dataclass(frozen=True)
class State:
    """The launcher's process, told from a later one of the same pid by its ``born``; times in seconds since the epoch.

    ``ready``: everything answered once.
    """

    pid: int
    born: float
    url: str
    since: float
    ready: bool = False

    @property
    def alive(self) -> bool:
        """Whether that very process runs."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.born) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def write(folder: Path, url: str, *, ready: bool) -> None:
    """Say that this process uses the folder. A reader sees the former state or this one, never half of it."""
    state = State(os.getpid(), psutil.Process().create_time(), url, time.time(), ready)
    aside = folder / f"{NAME}.{os.getpid()}"
    aside.write_text(json.dumps(asdict(state)) + "\n")
    aside.replace(folder / NAME)


def clear(folder: Path) -> None:
    """Say that nobody does any more."""
    with contextlib.suppress(OSError):
        (folder / NAME).unlink()


def read(folder: Path) -> State | None:
    """Who uses the folder; None when nobody alive does."""
    try:
        state = State(**json.loads((folder / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.alive else None
