"""script/lib.sh on machines where something is missing: one line that says what to do, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("awk", "cat", "cksum", "df", "dirname", "env", "grep", "id", "tail")


def bare(tmp_path: Path, code: str, *also: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` after lib.sh with nothing on PATH but the basic tools and ``also``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (*TOOLS, *also):
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    script = f". {ROOT}/script/lib.sh; VENV={tmp_path}/venv; {code}"
    return subprocess.run(
        [shutil.which("bash") or "/bin/bash", "-c", script],
        check=False,
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("make_venv", "Python 3.10 to 3.13 is needed; install it"),
        ("PYTHON=/bin/false; make_venv", "PYTHON=/bin/false is not Python 3.10 to 3.13"),
        ("need_disk 999999999", "free some space and start again"),
        (
            "bundled_redis() { return 1; }; need_redis",
            "no compiler to build one; run: sudo apt",
        ),
    ],
)
def test_what_is_missing_is_one_line(tmp_path: Path, code: str, words: str) -> None:
    ran = bare(tmp_path, code)
    assert ran.returncode == 1
    assert words in ran.stderr
    assert [line for line in ran.stderr.splitlines() if line.startswith("error: ")] == [ran.stderr.splitlines()[-1]]


def test_pip_that_fails_says_why(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'ERROR: Temporary failure in name resolution'\nexit 1\n")
    python.chmod(0o755)
    ran = bare(tmp_path, "pip_install anything")
    assert ran.returncode == 1
    assert ran.stderr == (
        "error: the Python package index cannot be reached; check the network (or pip's own configuration)"
        " and start again\n"
    )


@pytest.mark.parametrize("script", ["script/lib.sh", "script/server", "script/test", ".ci/run"])
def test_scripts_parse(script: str) -> None:
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
