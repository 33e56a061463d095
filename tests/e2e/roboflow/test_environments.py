"""The packages under test are those of the package index, with the versions of other packages that they ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.launcher import ROOT
from tests.sdk.environments import VERSIONS, Sdk, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

# Prints each requirement that does not hold. OpenCV is the headless build, which is the same library without windows.
CHECK = """
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from packaging.requirements import Requirement
for package in sys.argv[1:]:
    for text in requires(package):
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        name = {"opencv-python": "opencv-python-headless"}.get(wanted.name, wanted.name)
        try:
            held = wanted.specifier.contains(version(name), prereleases=True)
        except PackageNotFoundError:
            held = False
        if not held:
            print(package, wanted, name)
    print(package, version(package))
"""


@pytest.mark.parametrize("sdk_version", VERSIONS)
def test_requirements_hold(sdk_version: str, tmp_path: Path) -> None:
    packages = ["inference-sdk", "inference-cli"] if sdk_version == "1.8.3" else ["inference-sdk"]
    ran = run(sdk_version, "-c", CHECK, *packages, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"{package} {sdk_version}" for package in packages]


def test_every_method_of_the_sdk_is_on_the_page(sdk: Sdk) -> None:
    """Asynchronous twins go with their namesake."""
    found = {name.removesuffix("_async") for name in sdk.call("client.methods")}
    assert len(found) > 20
    page = (ROOT / "docs" / "conformance.md").read_text()
    assert sorted(name for name in found if f"`{name}`" not in page) == []
