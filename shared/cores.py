"""How many cores this process may use (affinity, and the CPU quota of its control group), and how to divide them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

CORES_PER_PROCESS = 8
"""More share one Python lock than it can feed: a job takes it for 0.4 ms (bench/frontdoor), so that a model of 5 ms on
eight cores keeps it busy for more than half of the time; and a run gains little from more threads."""
NODES = Path("/sys/devices/system/node")
CGROUP_ROOT = Path("/sys/fs/cgroup")
SELF_CGROUP = Path("/proc/self/cgroup")


class Place(NamedTuple):
    """Where one of several processes computes: on these processors (empty: on all), with so many more on the same."""

    cpus: frozenset[int]
    sharing: int


def allowed_cpus() -> frozenset[int]:
    """Processors by affinity."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def available_cpus() -> int:
    """Whole cores that the scheduler will give us, at least 1."""
    count = len(allowed_cpus())
    quota = cpu_quota()
    return max(1, min(count, math.floor(quota) if quota is not None else count))


def processes_for(cpus: int) -> int:
    """How many worker processes so many cores ask for."""
    return max(1, math.ceil(cpus / CORES_PER_PROCESS))


def places(count: int, root: Path = NODES) -> list[Place]:
    """Where ``count`` processes that share this machine compute.

    On a machine with several NUMA nodes each keeps to one, so that its models lie in memory that is near. Not where a
    quota holds below what affinity leaves: it is one of time, which any processor may spend.
    """
    allowed = allowed_cpus()
    nodes = [node & allowed for node in numa_nodes(root) if node & allowed]
    if len(nodes) < 2 or count < len(nodes) or available_cpus() < len(allowed):
        return [Place(frozenset(), count)] * count
    on = [number % len(nodes) for number in range(count)]
    return [Place(nodes[node], on.count(node)) for node in on]


def numa_nodes(root: Path = NODES) -> list[frozenset[int]]:
    """Processors of each NUMA node that has any; none where the system does not tell."""
    try:
        lists = [(folder / "cpulist").read_text() for folder in sorted(root.glob("node[0-9]*"))]
        return [cpus for cpus in map(cpus_in, lists) if cpus]
    except (OSError, ValueError):
        return []


def cpus_in(text: str) -> frozenset[int]:
    """The processors of a list as Linux writes it: ``0-3,8``. Raises ValueError."""
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def as_list(cpus: Sequence[int] | frozenset[int]) -> str:
    """``cpus_in``'s text."""
    return ",".join(map(str, sorted(cpus)))


def keep_to(text: str) -> None:
    """Have this process, and what it starts, compute on these processors only. Raises ValueError, OSError."""
    if text and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus_in(text))


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
