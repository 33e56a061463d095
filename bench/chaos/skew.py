"""The library that gives one process a wrong clock, compiled for the run.

Debian's libfaketime would do, but breaks sleeping on the monotonic clock: Python's ``time.sleep`` fails with EINVAL.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
COMPILER = shutil.which("cc")


def build(folder: Path) -> Path | None:
    """The library, built in ``folder``; None where there is no C compiler."""
    if COMPILER is None:
        return None
    library = folder / "skew.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)], check=True)
    return library


def variables(library: Path | None, seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is so many seconds off."""
    if library is None or seconds == 0:
        return {}
    return {"LD_PRELOAD": str(library), "VISIONFLEET_CHAOS_SKEW": str(seconds)}
