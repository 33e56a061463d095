"""The commands of docs/jobs.md run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.launcher import ROOT, Launched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_every_command_runs(system: Launched, tmp_path: Path) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs" / "jobs.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    command = tmp_path / "visionfleet"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m visionfleet.cli.app "$@"\n')
    command.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'client'}{os.pathsep}{ROOT}",
        "VISIONFLEET_URL": system.base_url,
    }
    script = "set -euo pipefail\n" + "\n".join(blocks)
    ran = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout[-2000:]
    for word in ("event: finished", '"position":', "job_finished", "succeeded", "there are no dead letters"):
        assert word in ran.stdout
