"""The whole system with a stream service, and a camera, once for all tests of a module that ask for them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from visionfleet import Client

from deploy.local.http import get_json
from tests.cameras.camera import Camera
from tests.launcher import Launched, end, launch, until_ready


@pytest.fixture(scope="session")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """redis, API, one worker and one stream service that may open cameras on this machine."""
    folder = tmp_path_factory.mktemp("streaming")
    settings = {
        "STREAM_SERVICES": "1",
        "STREAM_ALLOW_LOOPBACK": "true",
        "STREAM_STALL_TIMEOUT_S": "3",
        "WEBHOOK_ALLOW_HTTP": "true",
        "WEBHOOK_ALLOW_PRIVATE": "true",
        "WEBHOOK_PORTS": "[]",
    }
    launched = launch(folder, "--no-demo", **{f"VISIONFLEET_{name}": value for name, value in settings.items()})
    try:
        until_ready(launched)
        deadline = time.monotonic() + 30
        while not get_json(f"{launched.base_url}/v1/streams")["services"]:
            assert time.monotonic() < deadline, "no stream service"
            time.sleep(0.1)
        yield launched
    finally:
        end(launched)


@pytest.fixture(scope="session")
def camera() -> Iterator[Camera]:
    with Camera(size=(640, 360), fps=15) as running:
        yield running


@pytest.fixture(autouse=True)
def no_stream_is_left(streaming: Launched) -> Iterator[None]:
    """A test that leaves a stream behind fails, and the next one begins without it."""
    yield
    with Client(streaming.base_url) as client:
        left = client.streams.list()
        for one in left:
            client.streams.terminate(one.id)
    assert [one.name or one.id for one in left] == []
