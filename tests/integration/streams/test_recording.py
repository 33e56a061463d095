"""A camera's own video on disk: the pictures it sent, bit by bit, from before the event on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from shared.streams.spec import PipelineSpec
from tests.cameras import film
from tests.cameras.camera import Camera
from tests.cameras.server import units_of
from tests.integration.streams.system import System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
SIZE, FPS, PICTURES = (640, 360), 15, 120
PRE_S = 2.0


def units_in(path: Path) -> list[tuple[float, bool, list[bytes]]]:
    """Time, whether it is a key frame, and NAL units of each picture."""
    with av.open(str(path)) as opened:
        stream = opened.streams.video[0]
        plain = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        found = []
        for packet in opened.demux(stream):
            if packet.size:
                at, key = float(packet.pts * packet.time_base), packet.is_keyframe
                found += [(at, key, units_of(bytes(one))) for one in plain.filter(packet)]
        return found


def pictures_in(path: Path) -> list[Any]:
    with av.open(str(path)) as opened:
        return [frame.to_ndarray(format="bgr24") for frame in opened.decode(video=0)]


def files(system: System, stream: str) -> list[Path]:
    return sorted((system.folder / "out" / stream).rglob("*.mp4"))


async def changed(system: System, stream: str, **fields: Any) -> None:
    now = await system.store.get(stream)
    spec = PipelineSpec.model_validate({**now.spec.model_dump(), **fields})
    await system.store.update(stream, spec, now.version)


async def finished(system: System, stream: str) -> list[Path]:
    """The recordings, once the sink was taken away and has closed its files."""
    await changed(system, stream, sinks=[{"type": "buffer"}])
    closed = "the recording is closed"
    await system.until_stream(stream, lambda one: all(s["type"] != "record" for s in one.status["sinks"]), closed)
    return files(system, stream)


def seeing(confidence: float) -> dict[str, Any]:
    return {"model_id": "shapes-detector", "params": {"confidence": confidence}}


@pytest.fixture
def own_camera() -> Iterator[Camera]:
    """One that no other test has changed the size of."""
    with Camera(SIZE, FPS, PICTURES) as started:
        yield started


async def test_what_was_before_an_event_is_recorded_bit_by_bit(system: System, own_camera: Camera) -> None:
    sinks = [{"type": "record", "classes": ["circle"], "pre_s": PRE_S, "post_s": 1.0}, {"type": "buffer"}]
    stream = await system.create(own_camera.url, model=False, sinks=sinks)
    await changed(system, stream, model=seeing(0.9999))
    await system.flowing(stream, 40)
    assert files(system, stream) == []
    await changed(system, stream, model=seeing(0.4))  # a lower threshold is the event

    async def begun() -> bool:
        return bool(files(system, stream))

    await system.until(begun, "a recording")
    (path,) = await finished(system, stream)
    found = units_in(path)
    assert found[0][1], "it begins with a key frame"
    sent = {tuple(units_of(unit)) for unit in film.encoded(*SIZE, FPS, PICTURES)}
    assert all(tuple(units) in sent for _, _, units in found)
    numbers = [film.number_of(image) for image in pictures_in(path)]
    assert numbers == [(numbers[0] + n) % PICTURES for n in range(len(found))]
    assert found[-1][0] >= PRE_S  # what was before the event is there


async def test_a_camera_that_changes_its_size_is_recorded_in_files_that_play(system: System) -> None:
    with Camera(SIZE, FPS, PICTURES) as camera:
        stream = await system.create(
            camera.url, model=False, sinks=[{"type": "record", "mode": "continuous"}, {"type": "buffer"}]
        )
        await system.flowing(stream, 20)
        camera.change_size()
        await system.until_source(stream, lambda one: one.get("width") == SIZE[0] // 2, "the other size")

        async def two() -> bool:
            return len(files(system, stream)) == 2

        await system.until(two, "a second file")
        await system.flowing(stream, 5)
        first, second = await finished(system, stream)
    assert {image.shape for image in pictures_in(first)} == {(360, 640, 3)}
    assert {image.shape for image in pictures_in(second)} == {(180, 320, 3)}
