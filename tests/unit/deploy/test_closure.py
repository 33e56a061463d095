"""Each service starts with the packages that its image has, and no others."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest

from deploy.docker import packages
from tests.architecture.tree import ROOT

KNOWN = packages.lists((ROOT / "pyproject.toml").read_text())
IMAGES = {
    "api_service.__main__": ["api"],
    "worker_service.__main__,worker_service.serve,worker_service.bootstep,worker_service.tasks": ["worker", "cpu"],
    "stream_service.__main__": ["streams", "webrtc"],
}
WITHOUT = """
import importlib, importlib.util, sys
barred = set(sys.argv[2].split(","))
class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in barred:
            raise ModuleNotFoundError(f"the image has no {name}", name=name)
sys.meta_path.insert(0, Bar())
for name in sys.argv[1].split(","):
    importlib.import_module(name)
"""


def plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def closure(extras: list[str]) -> set[str]:
    """The distributions that pip brings for the extras, less those that the image leaves out."""
    found: set[str] = set()
    waiting = list(packages.wanted(extras, KNOWN))
    while waiting:
        name = plain(re.match(r"[\w.-]+", waiting.pop())[0])  # type: ignore[index] # each begins with a name
        if name in found or packages.UNUSED.get(name, extras[0]) not in extras:
            continue
        found.add(name)
        waiting += needed(name)
    return found


def needed(name: str) -> Iterator[str]:
    """What a distribution needs itself. Markers are taken as fulfilled, except those of extras."""
    try:
        yield from (one for one in requires(name) or () if "extra ==" not in one)
    except PackageNotFoundError:
        return


@pytest.mark.parametrize("modules", IMAGES)
def test_a_service_imports_what_its_image_has(modules: str) -> None:
    there = closure(IMAGES[modules])
    ours = {"visionfleet", "visionfleet-server"}
    barred = {
        module for module, owners in packages_distributions().items() if not {*map(plain, owners)} & (there | ours)
    }
    assert "pytest" in barred
    command = [sys.executable, "-c", WITHOUT, modules, ",".join(sorted(barred))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def test_what_an_image_lacks_is_barred() -> None:
    assert "prometheus-client" in closure(["streams", "webrtc"])
    assert not {"av", "huggingface-hub", "pytest"} & closure(["worker", "cpu"])
    assert {"av", "numpy"} <= closure(["streams"])
    command = [sys.executable, "-c", WITHOUT, "shared.metrics.exporter", "prometheus_client"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=300, check=False)
    assert b"the image has no prometheus_client" in done.stderr
