"""How many cores this process may use: affinity, and the CPU quota of its control group."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
SELF_CGROUP = Path("/proc/self/cgroup")


def available_cpus() -> int:
    """Whole cores that the scheduler will give us, at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return max(1, min(count, math.floor(quota) if quota is not None else count))


def cpu_quota(root: Path = CGROUP_ROOT, membership: Path = SELF_CGROUP) -> float | None:
    """The tightest CPU quota in cores along our control group's path, or None when there is none.

    Reads ``cpu.max`` (cgroup v2) and ``cpu.cfs_quota_us`` / ``cpu.cfs_period_us`` (v1).
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    quotas = [quota for line in lines for quota in _quotas_along(root, line)]
    return min(quotas, default=None)


def _quotas_along(root: Path, line: str) -> list[float]:
    """Quotas of one line of /proc/self/cgroup, ``hierarchy:controllers:path``, and of all its parents."""
    _, controllers, path = line.split(":", 2)
    if controllers and "cpu" not in controllers.split(","):
        return []
    base = root / controllers if controllers else root
    if controllers and not base.is_dir():
        base = root / "cpu"
    leaf = base / path.lstrip("/")
    # Inside a container the path may be the host's: then only the root, which is our own group, exists.
    folders = [leaf, *leaf.parents]
    found = (_quota_of(folder) for folder in folders if folder == base or base in folder.parents)
    return [quota for quota in found if quota is not None]


def _quota_of(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").is_file():
            limit, period = (folder / "cpu.max").read_text().split()
        else:
            limit = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        return None if limit == "max" or int(limit) <= 0 else int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
