"""HTTP load by wrk (``apt-get install wrk``), which costs less CPU time per request than any client in Python."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw; latencies in ms, CPU seconds of wrk itself."""

    requests: int
    seconds: float
    p50: float
    p99: float
    cpu: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def run(url: str, bodies: Sequence[Path], connections: int, seconds: int, headers: Sequence[str] = ()) -> Load:
    """POST the bodies in turn over so many connections, each with one request under way. Every answer must be 2xx."""
    wrk = shutil.which("wrk")
    if wrk is None:
        sys.exit("error: wrk is missing; install it with: apt-get install wrk")
    options = [
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "60s",
        "-s",
        str(SCRIPT),
        *(word for header in headers for word in ("-H", header)),
    ]
    before = _children_cpu()
    done = subprocess.run([wrk, *options, url, "--", *map(str, bodies)], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert not figures.pop("failed"), done.stdout
    return Load(**figures, cpu=_children_cpu() - before)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
