"""Cameras that misbehave: the stream says what is wrong, keeps its promises, and goes on when they are back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psutil
import pytest

from shared.errors import (
    InvalidRequest,
    SourceNotFound,
    SourceRefused,
    SourceUnauthorized,
    SourceUnreachable,
    VisionfleetError,
)
from shared.streams.spec import PipelineSpec
from tests.cameras.camera import Camera
from tests.integration.streams.system import System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


async def test_a_camera_that_was_unplugged(system: System, camera: Camera) -> None:
    stream = await system.create(camera.url)
    await system.flowing(stream)
    camera.kill()
    await system.until_source(stream, lambda one: one["state"] == "reconnecting", "noticed")
    broken = await system.source(stream)
    assert broken["error"]["code"] == "source_unreachable"
    assert (await system.store.get(stream)).health == "down"
    camera.start()
    await system.flowing(stream)
    again = await system.source(stream)
    assert again["sessions"] == 2
    assert again["error"] is None
    assert (await system.store.get(stream)).health == "ok"


async def test_a_camera_that_hangs(system: System, camera: Camera) -> None:
    stream = await system.create(camera.url)
    await system.flowing(stream)
    camera.stall()
    try:
        await system.until_source(stream, lambda one: one["state"] in ("reconnecting", "stalled"), "noticed")
    finally:
        camera.go_on()
    await system.flowing(stream)


@pytest.fixture
def own_camera() -> Iterator[Camera]:
    """One that may be left at half its size."""
    with Camera() as started:
        yield started


async def test_a_camera_that_changes_its_resolution(system: System, own_camera: Camera) -> None:
    camera = own_camera
    stream = await system.create(camera.url)
    sizes: dict[int, int] = {}
    while len(sizes) < 2:
        if await system.consumed(stream):
            camera.change_size()
        for _ in range(30):
            result = await system.consumed(stream)
            sizes[result["width"]] = result["height"]
            for box in result["output"]["predictions"]:
                assert 0 <= box["x"] - box["width"] / 2 < box["x"] + box["width"] / 2 <= result["width"] + 0.01
                assert 0 <= box["y"] - box["height"] / 2 < box["y"] + box["height"] / 2 <= result["height"] + 0.01
            assert result["output"]["image"] == {"width": result["width"], "height": result["height"]}
    assert sizes == {640: 360, 320: 180}
    assert (await system.source(stream))["sessions"] == 1


@pytest.mark.parametrize(
    ("path", "login", "error"),
    [
        ("nothing-here", "", SourceNotFound),
        ("secret", "", SourceUnauthorized),
        ("secret", "camera:wrong-Xy", SourceUnauthorized),
        ("silent", "", SourceUnreachable),
    ],
)
async def test_probing_tells_what_is_wrong(
    system: System, camera: Camera, path: str, login: str, error: type[VisionfleetError]
) -> None:
    source = {"reference": camera.path(path, login), "open_timeout_s": 1.0, "read_timeout_s": 1.0}
    with pytest.raises(error) as told:
        await system.store.probe(PipelineSpec.model_validate({"sources": [source]}))
    assert "wrong-Xy" not in str(told.value)


async def test_what_may_not_be_opened(system: System) -> None:
    refused: tuple[tuple[str, type[VisionfleetError]], ...] = (
        ("/etc/passwd", SourceRefused),
        ("file:///etc/hostname", SourceRefused),
        ("rtsp://169.254.169.254/latest", SourceRefused),
        ("/dev/video0", SourceRefused),
        ("rtsp://127.0.0.1:9/x", SourceUnreachable),
    )
    for reference, error in refused:
        with pytest.raises(error):
            await system.store.probe(PipelineSpec.model_validate({"sources": [{"reference": reference}]}))
    wrong = {"sources": [{"reference": "/x"}], "sinks": [{"type": "buffer", "size": 0}]}
    with pytest.raises(InvalidRequest, match=r"sinks\.buffer\.size"):
        await system.store.probe(PipelineSpec.model_validate(wrong))


async def test_a_wrong_password_is_said_and_shown_nowhere(system: System, camera: Camera) -> None:
    stream = await system.create(camera.path("secret", "camera:Wr0ngSecret"))
    await system.until_source(stream, lambda one: one.get("error") is not None, "noticed")
    assert (await system.source(stream))["error"]["code"] == "source_unauthorized"
    assert "Wr0ngSecret" not in str((await system.store.get(stream)).shown())
    assert "Wr0ngSecret" not in system.logs()


async def test_a_camera_is_opened_once_for_all_streams(system: System, camera: Camera) -> None:
    streams = [await system.create(camera.url, max_fps=fps) for fps in (None, 5.0, 2.0)]
    await asyncio.gather(*(system.flowing(stream) for stream in streams))
    service = psutil.Process(system.processes[1].pid)
    to_camera = [one for one in service.net_connections() if one.raddr and one.raddr.port == camera.port]
    assert len(to_camera) == 1
    await system.store.terminate(streams[0])
    await system.flowing(streams[1])  # the others go on


async def test_overload_is_dropped_counted_and_delays_nothing(system: System) -> None:
    """Twelve cameras, more than this worker can do: each frame has exactly one end, nothing piles up anywhere."""
    with Camera(size=(320, 180)) as small:
        urls = [small.path(f"cam/{number}") for number in range(12)]
        stream = await system.create(*urls)
        await asyncio.gather(*(system.flowing(stream, 5, str(number)) for number in range(12)))
        service = psutil.Process(system.processes[1].pid)
        before = service.memory_info().rss
        await asyncio.gather(*(system.flowing(stream, 10, str(number)) for number in range(12)))
        assert await system.waiting_jobs() <= 12 * 2
        assert service.memory_info().rss - before < 64 * 2**20
        status = (await system.store.get(stream)).status
    left_out = 0
    for source in status["sources"].values():
        counts = dict(source["counts"])
        received = counts.pop("received")
        assert 0 <= received - sum(counts.values()) - source["in_flight"] <= 1  # one may wait in the slot
        assert source["age_ms"]["p50"] < 2_000
        left_out += counts.get("window_full", 0) + counts.get("expired", 0)
    assert left_out > 0
