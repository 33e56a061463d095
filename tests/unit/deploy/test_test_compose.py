"""``script/test-compose`` on a machine that lacks something: one line that says what to do, and nothing begun."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

NEEDED = ("bash", "dirname", "sh")
DOCKER = """#!/bin/sh
case "$1" in
  compose) exit {compose} ;;
  info) exit {info} ;;
  *) exit 1 ;;
esac
"""


def said(folder: Path, docker: str = "") -> list[str]:
    """Lines on stderr of a run that sees no other program than those it cannot do without."""
    for name in NEEDED:
        (folder / name).symlink_to(str(shutil.which(name)))
    if docker:
        (folder / "docker").write_text(docker)
        (folder / "docker").chmod(0o755)
    done = subprocess.run(
        [str(folder / "bash"), str(ROOT / "script" / "test-compose")],
        env={"PATH": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert not done.stdout
    return done.stderr.splitlines()


@pytest.mark.parametrize(
    ("docker", "words"),
    [
        ("", ("docker is not installed", "engine")),
        (DOCKER.format(compose=1, info=0), ("compose plugin", "docker-compose-v2")),
        (DOCKER.format(compose=0, info=1), ("no Docker engine answers", "DOCKER_HOST")),
        (DOCKER.format(compose=0, info=0), ("python:3.12-slim-bookworm", "docker load", "BASE_IMAGE_CPU")),
    ],
    ids=["no docker", "no compose", "no engine", "no images"],
)
def test_what_is_missing_is_told_in_one_line(tmp_path: Path, docker: str, words: tuple[str, ...]) -> None:
    (line,) = said(tmp_path, docker)
    assert line.startswith("error: ")
    assert all(word in line for word in words)
