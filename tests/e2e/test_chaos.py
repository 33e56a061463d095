"""A short run of ``bench.chaos``: promises about jobs hold while parts of the system are killed and cut off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEASE_S = "3"
DURATION_S = "45"
KINDS = {"batch", "cancel", "images", "polled", "probe", "roll", "sync", "twins", "webhook"}


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_no_promise_is_broken_in_a_short_run(tmp_path: Path) -> None:
    """With a lease of 3 s in place of 8, so that more faults fit in."""
    options = ["--duration", DURATION_S, "--lease-s", LEASE_S, "--seed", "4", "--rate", "6", "--json"]
    command = [sys.executable, "-m", "bench.chaos", *options, "--keep", str(tmp_path / "run")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=230, check=False)
    assert ran.stdout, ran.stderr
    found = json.loads(ran.stdout)
    assert found["violations"] == []
    assert ran.returncode == 0, ran.stderr
    accepted = {row["jobs"]: row["accepted"] for row in found["jobs"]}
    assert [kind for kind in sorted(KINDS) if not accepted.get(kind)] == [], "each way of using the API was tried"
    assert sum(accepted.values()) > 100
    times = {row["fault"]: row["times"] for row in found["faults"]}
    assert times["all"] >= 5, "faults were made"
    tried = {row["promise"]: row["tried"] for row in found["promises"]}
    assert [promise for promise, count in tried.items() if count == 0] == [], "each promise was put to the test"
