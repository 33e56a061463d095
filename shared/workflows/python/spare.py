"""Processes for Python blocks that wait, their imports done, so that a run need not wait for them.

A spare knows nothing yet: neither code nor limits. It gets both from the step that takes it, in its first message, and
sets its limits before it runs anything, as one that was started for the step does. It ends when this process does.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from shared.workflows.python import child

ROOT = Path(__file__).parents[3]


@dataclass
class Launched:
    """A process and its own folder. It inherits no variable, file or working folder of ours."""

    folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="python-block-")
    )
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own program; the code goes in as data
            [sys.executable, "-I", child.__file__, str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.folder.name,
            env={
                "PATH": os.defpath,
                "HOME": self.folder.name,
                "OMP_NUM_THREADS": "1",
                "MPLCONFIGDIR": self.folder.name,
            },
        )

    def end(self) -> None:
        """Kill it and remove its folder."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.folder.cleanup()


class Spares:
    """Those of this process, for several threads."""

    def __init__(self) -> None:
        self._waiting: list[Launched] = []
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many there are."""
        with self._lock:
            return len(self._waiting)

    def warm(self, count: int) -> None:
        """Start as many as are lacking; that takes milliseconds, their imports go on beside."""
        with self._lock:
            self._waiting += [Launched() for _ in range(count - len(self._waiting))]

    def take(self, count: int) -> Launched:
        """The one that has waited longest, or a new one; ``count`` are left waiting."""
        with self._lock:
            taken = self._waiting.pop(0) if self._waiting else None
        if taken is not None and taken.process.poll() is not None:
            taken.end()
            taken = None
        taken = taken or Launched()
        self.warm(count)
        return taken

    def close(self) -> None:
        """End them."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.end()


SPARES = Spares()
atexit.register(SPARES.close)
