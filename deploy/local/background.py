"""Starting the launcher in the background, and stopping it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.local import state
from deploy.local.errors import CannotStart
from deploy.local.preflight import prepare_folder
from deploy.local.settings import LocalSettings

LOOK_S = 0.1
# What redis-server and the launcher itself need after the services have drained.
REST_S = 30.0


def start(settings: LocalSettings) -> state.State:
    """Start everything in a session of its own and return when it is ready, or at once when it runs already.

    Raises CannotStart with the end of its log when it ended instead.
    """
    running = state.read(settings.data_dir)
    if running is not None and running.ready:
        return running
    if running is None:
        prepare_folder(settings.data_dir)
        process = _spawn(settings)
    deadline = time.monotonic() + settings.start_timeout_s + REST_S
    while time.monotonic() < deadline:
        found = state.read(settings.data_dir)
        if found is not None and found.ready:
            return found
        if running is None and process.poll() is not None:
            raise CannotStart(*_last_words(settings.data_dir))
        time.sleep(LOOK_S)
    raise CannotStart(f"the system is not ready in time; see {settings.data_dir / 'logs'}")


def stop(settings: LocalSettings) -> bool:
    """Have the launcher drain and end; False when none runs. What does not end in time is killed."""
    running = state.read(settings.data_dir)
    if running is None:
        state.clear(settings.data_dir)
        return False
    _signal(running.pid, signal.SIGTERM)
    if not _until(lambda: not running.alive, settings.drain_timeout_s + REST_S):
        _signal(running.pid, signal.SIGINT)  # the second one kills its children
        if not _until(lambda: not running.alive, REST_S):
            _signal(running.pid, signal.SIGKILL)
    return True


def _spawn(settings: LocalSettings) -> subprocess.Popen[bytes]:
    insecure = ["--insecure"] if settings.insecure else []
    with (settings.data_dir / "logs" / "server.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "deploy.local", "--no-demo", *insecure],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _last_words(folder: Path) -> tuple[str, str]:
    """What was in the way, and what was said before it; the first line only greets."""
    lines = (folder / "logs" / "server.log").read_text(errors="replace").strip().splitlines()
    if not lines:
        return "the launcher ended without a word", ""
    return lines[-1].removeprefix("error: "), "\n".join(lines[1:-1][-15:])


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_S)
    return True
