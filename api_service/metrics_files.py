"""One set of counters for all processes of this server: files that each writes and whichever is scraped reads."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import structlog
from prometheus_client import multiprocess, values

log = structlog.get_logger(__name__)
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_folder: Path | None = None


def share() -> None:
    """Called by the parent before it forks. Without a folder for temporary files each process counts for itself."""
    global _folder  # noqa: PLW0603 - the client library's switch is one of the process, too
    try:
        _folder = Path(tempfile.mkdtemp(prefix="visionfleet-metrics-"))
    except OSError as error:
        log.warning("metrics.not_shared", reason=error.strerror)
        return
    os.environ[VARIABLE] = str(_folder)  # noqa: TID251 - prometheus_client takes it from nowhere else
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call] # untyped


def folder() -> Path | None:
    """Where the processes count together, if there are several."""
    return _folder


def forget(pid: int) -> None:
    """A process has died: what it counted stays, what it had under way does not."""
    if _folder is not None:
        multiprocess.mark_process_dead(pid, str(_folder))  # type: ignore[no-untyped-call] # untyped


def remove() -> None:
    """The server ends."""
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)
