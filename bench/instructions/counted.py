"""A process whose instructions valgrind counts, from any moment to any other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
ENDS_S = 120


class Counted:
    """Counting is off at first: a process starts ten times faster so."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid = pid
        self._folder = folder

    def switch(self, state: str) -> None:
        """``on`` or ``off``."""
        self._control("-i", state)

    def take(self) -> int:
        """Instructions of all its threads since it was asked last, in user space; those of its children not."""
        before = set(self._folder.iterdir())
        self._control("-d")
        deadline = time.monotonic() + ENDS_S
        while time.monotonic() < deadline:
            found = [path for path in set(self._folder.iterdir()) - before if TOTAL.search(path.read_text())]
            if found:
                return sum(int(TOTAL.findall(path.read_text())[-1]) for path in found)
            time.sleep(0.1)
        raise TimeoutError(f"valgrind wrote no count within {ENDS_S} s")

    def _control(self, *words: str) -> None:
        subprocess.run(["callgrind_control", *words, str(self.pid)], check=True, capture_output=True, timeout=ENDS_S)


@contextmanager
def counted(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[Counted]:
    """The command under valgrind for as long as the context lasts."""
    if shutil.which("callgrind_control") is None:
        sys.exit("error: valgrind is missing; install it with: apt-get install valgrind")
    folder.mkdir()
    options = ["--tool=callgrind", "--instr-atstart=no", "--fair-sched=yes", f"--callgrind-out-file={folder}/count"]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        child = subprocess.Popen(["valgrind", *options, *command], stdout=log, stderr=log, env=environment)
    try:
        yield Counted(child.pid, folder)
    finally:
        child.terminate()
        try:
            child.wait(timeout=ENDS_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
