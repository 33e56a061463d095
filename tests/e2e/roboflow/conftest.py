"""Two API processes and two workers with a model of each task, and Roboflow's SDK in three versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launcher import ROOT, end, launch, until_ready
from tests.sdk import zoo
from tests.sdk.environments import VERSIONS, Sdk, python_of, start, stop


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the system serves."""
    folder = tmp_path_factory.mktemp("scaled")
    variables = {
        "VISIONFLEET_MODEL_DIRS": f"{ROOT / 'models'},{zoo.write(folder / 'zoo')}",
        "VISIONFLEET_PROCESSES": "2",
        "VISIONFLEET_WORKERS": "2",
        "VISIONFLEET_MAX_ACTIVE_MODELS": "16",
        "VISIONFLEET_STREAM_SERVICES": "1",
    }
    launched = launch(folder, "--no-demo", **variables)
    try:
        until_ready(launched)
        yield launched.base_url
    finally:
        end(launched)


@pytest.fixture(scope="session")
def drivers(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Sdk]]:
    """Every version that is installed, all started at once, because importing one takes seconds."""
    folder = tmp_path_factory.mktemp("drivers")
    there = [version for version in VERSIONS if (ROOT / f".venv-sdk-{version}" / "state").exists()]
    started = {version: start(version, server, folder / f"{version}.log") for version in there}
    try:
        yield started
    finally:
        for sdk in started.values():
            stop(sdk)


@pytest.fixture(params=VERSIONS)
def sdk(request: pytest.FixtureRequest, drivers: dict[str, Sdk]) -> Sdk:
    """One version of inference-sdk."""
    python_of(request.param)
    return drivers[request.param]


@pytest.fixture
def newest(drivers: dict[str, Sdk]) -> Sdk:
    """The newest version only, for what all have alike."""
    python_of(VERSIONS[0])
    return drivers[VERSIONS[0]]


@pytest.fixture(scope="session")
def plain_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of which the tiny models' answers are known exactly."""
    return zoo.picture(tmp_path_factory.mktemp("pictures") / "plain.png")
