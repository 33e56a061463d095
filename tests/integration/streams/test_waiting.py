"""A file whose results nobody takes waits, and holds up no other stream."""

from __future__ import annotations

import pytest

from tests.cameras import film
from tests.cameras.camera import Camera
from tests.integration.streams.system import System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


async def test_a_full_buffer_delays_only_its_own_stream(system: System, camera: Camera) -> None:
    short = film.write(system.folder / "short.mp4", pictures=12)
    waiting = await system.create(str(short), sinks=[{"type": "buffer", "size": 4, "when_full": "wait"}])
    await system.until_source(waiting, lambda one: one["counts"].get("ok", 0) >= 12, "the last frame")
    live = await system.create(camera.url)
    await system.flowing(live, 60)  # longer than a lease
    assert [(one.epoch, one.owned) for one in await system.store.all()] == [(1, True), (1, True)]
    assert [one["frame_id"] for one in await system.everything_of(waiting)] == list(range(1, 13))
