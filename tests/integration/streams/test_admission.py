"""Admission over HTTP: whoever would ask too much of the workers is refused, on every way to ask for more.

The worker is its heartbeat alone, which says that it does two frames a second: how fast this machine is plays no part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from shared.fleet.report import FleetReporter
from shared.fleet.state import ModelInfo, WorkerInfo
from shared.redis import connect
from shared.settings import RedisSettings
from tests.cameras.camera import Camera
from tests.integration.streams.calls import call
from tests.integration.streams.system import System
from tests.redis_server import RedisServer, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
MODEL = "eyes"


async def beat(redis_url: str) -> None:
    """Say again and again that there is a worker."""
    client = connect(RedisSettings(redis_url=redis_url))
    reporter = FleetReporter(client)
    info = ModelInfo(MODEL, "object-detection", "yolov8", hardware=["cpu"], input_width=64, input_height=64)
    try:
        while True:
            worker = WorkerInfo("told", "cpu", "host", 1, "1", 0, state="ready", speeds={MODEL: 2.0})
            await asyncio.to_thread(reporter.beat, worker, [info])
            await asyncio.sleep(1)
    finally:
        client.close()


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """An API that wants every frame that is asked for to be possible."""
    redis = RedisServer(tmp_path)
    redis.start()
    system = System(redis.url, tmp_path)
    port = free_port()
    system.streams()
    system.start("api_service", VISIONFLEET_PORT=str(port), VISIONFLEET_STREAM_MIN_SHARE="1")
    beating = asyncio.create_task(beat(redis.url))
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=aiohttp.ClientTimeout(60)) as session:

            async def answers() -> bool:
                try:
                    ready = (await call(session, "GET", "/v1/streams"))[1]["services"]
                    found = (await call(session, "GET", "/v1/models"))[1]["models"]
                    return bool(ready and found)
                except aiohttp.ClientError:
                    return False

            await system.until(answers, "the API", 60)
            yield session
    finally:
        beating.cancel()
        await asyncio.wait([beating])
        await system.disconnect()
        system.kill()
        redis.kill()


async def test_every_way_to_ask_for_more_is_held_to_what_workers_can_do(http: aiohttp.ClientSession) -> None:
    with Camera((320, 180), fps=10) as camera:
        slow = {"sources": [{"reference": camera.url}], "model": {"model_id": MODEL}, "max_fps": 1}
        status, first = await call(http, "POST", "/v1/streams", slow)
        assert status == 201, first
        await running(http, first["id"])

        status, second = await call(
            http, "POST", "/v1/streams", {**slow, "sources": [{"reference": camera.path("cam/2")}]}
        )
        assert status == 201, second
        await running(http, second["id"])
        assert refused(
            await call(http, "POST", "/v1/streams", {**slow, "sources": [{"reference": camera.path("cam/3")}]})
        )

        one = f"/v1/streams/{second['id']}"
        assert refused(await call(http, "PATCH", one, {"max_fps": 5}))
        assert refused(await call(http, "POST", f"{one}/sources", {"reference": camera.path("cam/4")}))
        assert (await call(http, "PATCH", one, {"max_fps": 1, "name": "yard"}))[0] == 200, "it asks for no more"
        assert (await call(http, "PATCH", one, {"max_fps": 0.5}))[0] == 200

        offer = {"webrtc_offer": {"type": "offer", "sdp": "v=0"}, "declared_fps": 30}
        with_model = {**offer, "workflow_configuration": {"type": "ModelConfiguration", "model_id": MODEL}}
        assert refused(await call(http, "POST", "/initialise_webrtc_worker", with_model))


async def running(http: aiohttp.ClientSession, stream: str) -> None:
    """Wait until its owner has reported frames."""
    for _ in range(600):
        _, said = await call(http, "GET", f"/v1/streams/{stream}")
        source = said["status"].get("sources", {}).get("0", {})
        if said["state"] == "running" and source.get("live") and source.get("fps"):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the stream does not run: {said}")


def refused(answer: tuple[int, Any]) -> bool:
    status, said = answer
    assert (status, said["code"]) == (503, "streams_overloaded"), answer
    return True
