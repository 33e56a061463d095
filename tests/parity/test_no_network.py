"""No family of foundation models asks for a network, to load or to run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.launcher import ROOT
from tests.parity.foundation import FOLDER

NOWHERE = ["unshare", "--user", "--map-root-user", "--net"]


def without_network() -> list[str]:
    """How a command is run without a network, where this kernel lets us."""
    if shutil.which(NOWHERE[0]) is None:
        return []
    tried = subprocess.run([*NOWHERE, "true"], capture_output=True, check=False, timeout=20)
    return NOWHERE if tried.returncode == 0 else []


@pytest.mark.timeout(240)
def test_every_kept_net_runs_without_a_network() -> None:
    command = [*without_network(), sys.executable, "-m", "tests.parity.no_network"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "client")])
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    kept = {json.loads(file.read_bytes())["family"] for file in FOLDER.glob("*/model.json")}
    assert set(done.stdout.split()) == kept
    assert {"clip", "depth-anything", "trocr", "florence-2", "pp-ocr"} <= kept


def test_the_watch_sees_a_lookup() -> None:
    asked = "import sys; from tests.parity.no_network import forbid; sys.addaudithook(forbid)\n"
    asked += "import socket; socket.getaddrinfo('localhost', 80)"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert "a network was asked for" in done.stderr
