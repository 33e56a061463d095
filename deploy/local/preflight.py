"""What must hold before anything is started; each failure is one line that says what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
from pathlib import Path

from deploy.local.errors import CannotStart
from deploy.local.redis_server import find_binary
from deploy.local.settings import LocalSettings

MIN_FREE_MB = 200


def prepare_folder(folder: Path) -> None:
    """Make the data folder and its parts. Raises CannotStart when it cannot be written or the disk is nearly full."""
    try:
        for part in ("redis", "logs", "models"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"cannot write {folder} ({error.strerror}); set VISIONFLEET_DATA_DIR to a folder that you may write"
        ) from error
    if not os.access(folder, os.W_OK):
        raise CannotStart(f"cannot write {folder}; set VISIONFLEET_DATA_DIR to a folder that you may write")
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < MIN_FREE_MB:
        raise CannotStart(f"only {free_mb} MB are free for {folder}; free {MIN_FREE_MB} MB or set VISIONFLEET_DATA_DIR")


def lock_folder(folder: Path) -> int:
    """Take the data folder for ourselves; the descriptor returned holds it until every copy of it is closed.

    redis-server inherits it, so that a second one never opens the same append-only file, even when we were killed.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise CannotStart(
            f"another Visionfleet uses {folder}; stop it, or set VISIONFLEET_DATA_DIR and VISIONFLEET_PORT for this one"
        ) from None
    return descriptor


def check_port(settings: LocalSettings) -> None:
    """Raises CannotStart when we cannot listen where we should."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = "is in use; stop what uses it or choose another"
            else:
                reason = f"cannot be used ({error.strerror}); choose another"
            raise CannotStart(
                f"port {settings.port} of {settings.host} {reason}: VISIONFLEET_PORT=9002 script/server"
            ) from error


def redis_binary() -> Path:
    """The redis-server to embed. Raises CannotStart when there is none."""
    binary = find_binary()
    if binary is None:
        raise CannotStart("there is no redis-server; run: sudo apt-get install redis-server, or set REDIS_URL to one")
    return binary


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
