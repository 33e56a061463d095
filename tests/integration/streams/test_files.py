"""Files: every frame, in order, the same each time; also when a worker dies over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cameras import film
from tests.integration.streams.system import ROOT, System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
FRAMES = 45
WAITING = [{"type": "buffer", "size": 32, "when_full": "wait"}]


@pytest.fixture(scope="module")
def video(processes: System) -> Path:
    return film.write(processes.folder / "film.mp4", pictures=FRAMES)


def plain(results: list[dict[str, Any]]) -> list[tuple[int, list[tuple[Any, ...]]]]:
    """Frame numbers and boxes, without what is made up anew each time."""
    names = ("class", "confidence", "x", "y", "width", "height")
    return [
        (one["frame_id"], [tuple(box[name] for name in names) for box in one["output"]["predictions"]])
        for one in results
    ]


async def test_to_the_last_frame_and_the_same_again(system: System, video: Path) -> None:
    first, second = [await system.everything_of(await system.create(str(video), sinks=WAITING)) for _ in range(2)]
    assert [number for number, _ in plain(first)] == list(range(1, FRAMES + 1))
    assert all(boxes for _, boxes in plain(first))
    assert plain(first) == plain(second)


async def test_a_rate_limit_takes_the_same_frames_each_time(system: System, video: Path) -> None:
    results = await system.everything_of(await system.create(str(video), sinks=WAITING, max_fps=5.0))
    assert [one["frame_id"] for one in results] == list(range(1, FRAMES + 1, 3))


async def test_images_of_a_folder_are_frames(system: System) -> None:
    folder = ROOT / "examples" / "images"
    results = await system.everything_of(await system.create(str(folder), sinks=WAITING))
    assert [one["frame_id"] for one in results] == list(
        range(1, sum(one.suffix != ".md" for one in folder.iterdir()) + 1)
    )


async def test_a_paused_file_goes_on_where_it_was(system: System, video: Path) -> None:
    stream = await system.create(str(video), sinks=WAITING)
    got = [await system.consumed(stream) for _ in range(10)]
    await system.store.desire(stream, "paused")
    await system.until_source(stream, lambda one: one["state"] == "paused", "paused")
    await system.store.desire(stream, "running")
    got += await system.everything_of(stream)
    assert [one["frame_id"] for one in got] == list(range(1, FRAMES + 1))


async def test_a_killed_worker_costs_no_frame(system: System, video: Path) -> None:
    stream = await system.create(str(video), sinks=WAITING)
    got = [await system.consumed(stream) for _ in range(10)]
    system.processes[0].kill()
    system.processes[0] = system.worker()
    system.processes.pop()
    got += await system.everything_of(stream)
    assert [one["frame_id"] for one in got] == list(range(1, FRAMES + 1))
    assert (await system.store.get(stream)).over == "ended"


async def test_a_file_that_has_ended_begins_anew_on_request(system: System, video: Path) -> None:
    stream = await system.create(str(video), sinks=WAITING)
    first = await system.everything_of(stream)
    await system.store.restart(stream)
    assert plain(await system.everything_of(stream)) == plain(first)


async def test_another_file_in_the_place_of_one_begins_at_its_first_frame(system: System, video: Path) -> None:
    stream = await system.create(str(video), sinks=WAITING)
    for _ in range(10):
        await system.consumed(stream)
    other = film.write(system.folder / "other.mp4", pictures=20)
    now = await system.store.get(stream)
    spec = now.spec.model_copy(update={"sources": [now.spec.sources[0].model_copy(update={"reference": str(other)})]})
    await system.store.update(stream, spec, now.version)
    results = await system.everything_of(stream)
    assert [one["frame_id"] for one in results[-20:]] == list(range(1, 21))


async def test_another_service_goes_on_with_a_file_whose_owner_was_killed(system: System) -> None:
    """Results lie in the sink's queue, in the buffer and on the way: none is lost, none comes twice."""
    long = film.write(system.folder / "long.mp4", pictures=150)
    buffer = [{"type": "buffer", "size": 8, "when_full": "wait"}]
    second = system.streams()
    await system.ready(2)
    streams = [await system.create(str(long), sinks=buffer) for _ in range(2)]  # one for each service
    got: dict[str, list[int]] = {}
    for stream in streams:
        got[stream] = [(await system.consumed(stream))["frame_id"] for _ in range(30)]
    owned = [one for one in await system.store.all() if str(second.pid) in one.owner]
    assert len(owned) == 1
    second.kill()
    for stream in streams:
        got[stream] += [one["frame_id"] for one in await system.everything_of(stream)]
        assert got[stream] == list(range(1, 151))
    assert (await system.store.get(owned[0].id)).epoch == 2
