"""The benchmarks run, small, and say what they should: nobody notices otherwise when a change breaks them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def rows(*command: str) -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-m", *command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return found


def test_queue() -> None:
    celery, ours = rows("bench.queue", "--jobs", "50", "--rounds", "1", "--concurrency", "4")
    assert (celery["path"], ours["path"]) == ("celery", "visionfleet")
    assert ours["rate x"] == pytest.approx(ours["jobs/s"] / celery["jobs/s"])


def test_latency() -> None:
    ways = {row["way"]: row for row in rows("bench.latency", "--networks", "bench-classifier", "--turns", "3")}
    assert list(ways) == ["direct", "queue", "http"]
    assert ways["direct"]["p50 ms"] > 0
    assert ways["queue"]["added p99 ms"] >= ways["queue"]["added p50 ms"]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk (apt-get install wrk)")
def test_front_door() -> None:
    options = ("--processes", "1", "--concurrency", "2", "--seconds", "1", "--rounds", "1")
    sides = {row["side"]: row for row in rows("bench.frontdoor", *options)}
    assert 0 < sides["system"]["requests/s"] < sides["bare"]["requests/s"]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk (apt-get install wrk)")
def test_efficiency() -> None:
    options = ("--networks", "bench-classifier", "--concurrency", "2", "--seconds", "1", "--rounds", "1")
    cases = {row["case"]: row for row in rows("bench.efficiency", *options)}
    assert list(cases) == ["without decode", "with decode"]
    assert all(row["ratio"] == pytest.approx(row["served img/s"] / row["loop img/s"]) for row in cases.values())


@pytest.mark.timeout(300)  # two sides with a process, a system and a camera each
def test_streams() -> None:
    options = ("--cameras", "1", "--seconds", "4", "--warm", "4", "--fps", "5")
    sides = {row["side"]: row for row in rows("bench.streams", *options)}
    assert list(sides) == ["loop", "ours"]
    assert all(row["offered/s"] == 5 and row["answers/s"] > 0 for row in sides.values())


def test_workflows() -> None:
    cases = {row["case"]: row for row in rows("bench.workflows", "--rounds", "1")}
    assert list(cases) == ["1 detection", "10 detections", "50 detections", "4 branches"]
    assert all(row["cpu ms"] > 0 and row["cpu x"] > 0 for row in cases.values())
