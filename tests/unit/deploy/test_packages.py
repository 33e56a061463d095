"""What an image gets, worked out from pyproject.toml, pip's report and our hashes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy.docker import packages
from tests.architecture.tree import ROOT

KNOWN = packages.lists((ROOT / "pyproject.toml").read_text())
EXTRAS = [["api"], ["worker"], ["streams", "webrtc"], ["api", "worker"], ["api", "worker", "aws"]]


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", one)[0] for one in requirements}  # type: ignore[index] # each begins with a name


@pytest.mark.parametrize("extras", EXTRAS, ids=",".join)
def test_requirements_are_those_of_the_extras_and_all_pinned(extras: list[str]) -> None:
    found = names(list(packages.wanted(extras, KNOWN)))
    assert {"redis", "pydantic", "structlog"} <= found
    assert packages.OURS not in found
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert found <= pinned


def test_the_api_gets_no_engine_and_the_worker_does() -> None:
    assert not {"numpy", "celery", "av"} & names(list(packages.wanted(["api"], KNOWN)))
    assert {"numpy", "celery", "scipy"} <= names(list(packages.wanted(["worker"], KNOWN)))


def report(folder: Path, **versions: str) -> Path:
    path = folder / "report.json"
    found = [{"metadata": {"name": name, "version": version}} for name, version in versions.items()]
    path.write_text(json.dumps({"install": found}))
    return path


def test_packages_are_locked_by_hash_and_unused_ones_left_out(tmp_path: Path) -> None:
    hashes = tmp_path / "hashes.txt"
    hashes.write_text(
        "av==1.0 \\\n    --hash=sha256:aa\nnumpy==2.0 ; python_version >= '3.11' \\\n    --hash=sha256:bb\n"
    )
    path = report(tmp_path, av="1.0", NumPy="2.0", fonttools="3.0")
    old = packages.sys.version_info < (3, 11)
    numpy, av = ("numpy==2.0", "av==1.0") if old else ("numpy==2.0 --hash=sha256:bb", "av==1.0 --hash=sha256:aa")
    assert list(packages.locked(path, ["worker"], hashes)) == [numpy]
    assert list(packages.locked(path, ["streams"], hashes)) == [av, numpy]


@pytest.mark.skipif(packages.sys.version_info < (3, 11), reason="there are no hashes for Python 3.10")
def test_a_package_without_a_hash_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "hashes.txt").write_text("")
    with pytest.raises(SystemExit, match=r"other==1\.0 is not in"):
        list(packages.locked(report(tmp_path, other="1.0"), ["api"], tmp_path / "hashes.txt"))
