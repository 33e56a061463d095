"""script/test itself: its exit status and its counts, with tools that say what each case needs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).resolve().parents[2] / "script" / "test"
GREEN = "======== 12 passed in 1.50s ========"
AGAIN = "======== 11 passed, 1 skipped, 2 rerun in 70.02s (0:01:10) ========"
RED = "======== 3 failed, 9 passed, 1 error in 1.50s ========"


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


def ran(tmp_path: Path, *, side: str, alone: str) -> subprocess.CompletedProcess[str]:
    """The real script beside a lib.sh that sets nothing up; pytest prints ``side`` first and ``alone`` then."""
    tools = tmp_path / "venv" / "bin"
    for name in ("ruff", "mypy", "lint-imports", "chromium", "redis-check-rdb"):
        program(tools / name, "exit 0")
    verdict = 'case "$said" in *failed*) exit 1 ;; esac'
    program(tools / "pytest", f'case "$*" in *-n*) said="{side}" ;; *) said="{alone}" ;; esac; echo "$said"; {verdict}')
    program(tmp_path / "script" / "sdk", "exit 0")
    program(tmp_path / "script" / "lib.sh", f'set -euo pipefail; VENV="{tmp_path}/venv"; setup_test() {{ :; }}')
    shutil.copy(SCRIPT, tmp_path / "script" / "test")
    return subprocess.run(
        ["/usr/bin/env", "bash", "script/test"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("side", "alone", "status", "counts"),
    [
        (GREEN, GREEN, 0, "24 passed, 0 failed, 0 skipped"),
        (GREEN, AGAIN, 0, "23 passed, 0 failed, 1 skipped"),
        (RED, AGAIN, 1, "20 passed, 4 failed, 1 skipped"),
    ],
)
def test_status_and_counts(tmp_path: Path, side: str, alone: str, status: int, counts: str) -> None:
    done = ran(tmp_path, side=side, alone=alone)
    assert done.stdout.splitlines()[-1] == counts
    assert done.returncode == status


def test_a_second_try_is_told(tmp_path: Path) -> None:
    assert "2 tests needed a second try" in ran(tmp_path, side=GREEN, alone=AGAIN).stdout
