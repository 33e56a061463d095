"""What the way through the queue adds to a direct engine call, one request at a time.

direct   engine.infer(model, [jpeg]) in this process: decode, preprocess, run, postprocess.
queue    the same picture as a job: dispatcher -> redis -> worker process -> redis -> dispatcher.
http     the same as a POST to the API process, from a bare connection that is kept open.

The three take turns for every single picture. "added" is the difference of a turn's two times.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from bench import pictures, report
from bench.networks.repository import write_all
from bench.system import System, system
from shared.jobs import Job
from shared.queue.dispatcher import Dispatcher
from shared.settings import QueueSettings, RedisSettings
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

TASKS = {"bench-classifier": "classification", "bench-detector": "object_detection"}
PICTURES, WIDTH, HEIGHT = 8, 640, 480
Way = Callable[[int], Awaitable[None]]
"""Answers the n-th picture."""


async def alternate(ways: dict[str, Way], turns: int, pause: float) -> dict[str, list[float]]:
    """Milliseconds of each way in each turn; a few turns before are not counted."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(-10, turns):
        if turn % 10 == 0:
            await asyncio.sleep(pause)
        for name, way in ways.items():
            begun = time.perf_counter()
            await way(turn % PICTURES)
            if turn >= 0:
                times[name].append((time.perf_counter() - begun) * 1000)
    return times


async def measure(
    made: System, model: str, engine: Engine, folder: Path, options: argparse.Namespace
) -> list[report.Row]:
    """The three ways for one network."""
    images = pictures.jpegs(PICTURES, WIDTH, HEIGHT)
    bodies = [path.read_bytes() for path in pictures.bodies(folder / f"bodies {model}", model, images)]
    connection = http.client.HTTPConnection(urlsplit(made.url).netloc)
    dispatcher = Dispatcher(RedisSettings(redis_url=made.redis_url), QueueSettings())

    async def direct(picture: int) -> None:
        (answer,) = engine.infer(model, [images[picture]])
        assert not isinstance(answer, Exception), answer
        answer.to_dict()

    async def queue(picture: int) -> None:
        (result,) = await dispatcher.call([Job(model, [images[picture]], hardware="cpu")])
        result.raise_for_error()

    async def over_http(picture: int) -> None:
        connection.request("POST", f"/infer/{TASKS[model]}", bodies[picture], {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()

    await dispatcher.start()
    times = await alternate({"direct": direct, "queue": queue, "http": over_http}, options.turns, options.pause)
    await dispatcher.close()
    connection.close()
    return [row(model, name, times) for name in times]


def row(model: str, name: str, times: dict[str, list[float]]) -> report.Row:
    """One way, and what it adds to the direct one."""
    taken = sorted(times[name])
    figures = {"network": model.removeprefix("bench-"), "way": name}
    shown = {"p50 ms": report.quantile(taken, 0.5), "p99 ms": report.quantile(taken, 0.99)}
    if name == "direct":
        return figures | shown
    added = sorted(way - direct for way, direct in zip(times[name], times["direct"], strict=True))
    return figures | shown | {"added p50 ms": report.quantile(added, 0.5), "added p99 ms": report.quantile(added, 0.99)}


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--networks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--turns", type=int, default=300)
    options: argparse.Namespace = parser.parse_args()
    rows: list[report.Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_all(folder / "models")
        os.environ["VISIONFLEET_MODEL_DIRS"] = str(folder / "models")
        engine = Engine(EngineSettings())
        with system(folder / "models", options.networks) as made:
            for model in options.networks:
                rows += asyncio.run(measure(made, model, engine, folder, options))
    report.show("latency: one request at a time", rows, as_json=options.json)


if __name__ == "__main__":
    main()
