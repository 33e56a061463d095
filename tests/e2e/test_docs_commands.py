"""The commands and programs of the docs run as they stand: ```bash and ```python blocks, each page as one script.

A block that is only shown is marked ```sh, or ```python notest.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.launcher import ROOT, Launched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

# Page -> words that its output must have.
PAGES = {
    "README.md": ["star", "ok    server", "throughput"],
    "docs/quickstart.md": ["star", '"predictions"'],
    "docs/jobs.md": ["event: finished", '"position":', "job_finished", "succeeded", "there are no dead letters"],
    "docs/batches.md": ["succeeded", "scene.jpg", '"state":"queued"'],
    "docs/webhooks.md": ['"deliveries":[{', "job.succeeded"],
    "docs/how-to/detect.md": ["star"],
    "docs/how-to/classify.md": ["star", "'confidence'"],
    "docs/how-to/models.md": ["copy-of-shapes", "x as fast"],
    "docs/how-to/python.md": ["finished", "model_not_found", "bad_signature"],
    "docs/how-to/cli.md": ["classification", "throughput"],
}
BLOCK = re.compile(r"^```(bash|python)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def script_of(page: str) -> str:
    """The page's blocks as one bash script."""
    steps = []
    for language, marks, text in BLOCK.findall((ROOT / page).read_text()):
        if "notest" in marks:
            continue
        steps.append(
            text if language == "bash" else f"{shlex.quote(sys.executable)} - <<'PYTHON_BLOCK'\n{text}PYTHON_BLOCK\n"
        )
    return "set -euo pipefail\n" + "\n".join(steps)


def skipped(script: str) -> str:
    """Without what would start a server of its own, run all tests, or need a package that is not ours."""
    kept = [line for line in script.splitlines() if not re.match(r"script/(server|test)\b", line)]
    return "\n".join(kept) + "\n"


@pytest.fixture
def environment(system: Launched, tmp_path: Path) -> dict[str, str]:
    """A shell with ``visionfleet`` on its PATH, which talks to the system."""
    command = tmp_path / "visionfleet"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m visionfleet.cli.app "$@"\n')
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'client'}{os.pathsep}{ROOT}",
        "VISIONFLEET_URL": system.base_url,
        "VISIONFLEET_DATA_DIR": str(system.data_dir),
        "COLUMNS": "120",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what pages refer to, so that they write nothing into the checkout."""
    here = tmp_path / "checkout"
    (here / "data").mkdir(parents=True)
    for name in ("examples", "models", "docs", "script"):
        (here / name).symlink_to(ROOT / name)
    return here


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_runs(page: str, environment: dict[str, str], folder: Path, system: Launched) -> None:
    script = skipped(script_of(page)).replace("http://localhost:9001", system.base_url)
    script = script.replace("localhost:9001", system.base_url).replace("Client()", f'Client("{system.base_url}")')
    assert script.count("\n") > 3
    ran = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:] + ran.stdout[-2000:]
    for word in PAGES[page]:
        assert word in ran.stdout


def test_every_tutorial_is_run() -> None:
    pages = [ROOT / "README.md", ROOT / "docs" / "quickstart.md", *(ROOT / "docs" / "how-to").glob("*.md")]
    with_blocks = {page.relative_to(ROOT).as_posix() for page in pages if "```bash" in page.read_text()}
    assert with_blocks - set(PAGES) == set()
