"""Does a batch run at the full speed of the pool, and do live requests keep their latency meanwhile? On this machine.

Runs on one redis-server, one API process and ``--workers`` workers: a live client alone that sends ``--rate`` requests
a second, bulk jobs that a client keeps in the queue by itself (the pool's own speed), a batch of as many images from a
folder, and that batch with the live client beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from shared.jobs import Job
from shared.queue.dispatcher import Dispatcher
from shared.settings import QueueSettings, RedisSettings
from tests.integration.tasks.processes import ROOT, Processes
from tests.redis_server import RedisServer

IMAGE = ROOT / "examples/images/scene.jpg"
ROUTE = "/infer/object_detection"


async def pool_speed(url: str, model: str, images: int, window: int) -> float:
    """Images per second of bulk jobs, ``window`` of them in the queue."""
    dispatcher = Dispatcher(RedisSettings(redis_url=url), QueueSettings())
    await dispatcher.start()
    content, left = IMAGE.read_bytes(), iter(range(images))

    async def client() -> None:
        for _ in left:
            (result,) = await dispatcher.call([Job(model, [content], lane="bulk")])
            assert result.state == "succeeded", result.error

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(window)))
    spent = time.perf_counter() - begun
    await dispatcher.close()
    return images / spent


async def batch_speed(session: aiohttp.ClientSession, url: str, model: str, folder: Path) -> float:
    """Images per second of a batch, from its acceptance to its end."""
    begun = time.perf_counter()
    async with session.post(f"{url}/v1/batches", json={"model": model, "folder": str(folder)}) as answer:
        batch = await answer.json()
        assert answer.status == 202, batch
    while batch["state"] in ("queued", "running"):
        await asyncio.sleep(0.1)
        async with session.get(f"{url}/v1/batches/{batch['id']}") as answer:
            batch = await answer.json()
    assert (batch["done"], batch["failed"]) == (batch["total"], 0), batch
    return float(batch["total"] / (time.perf_counter() - begun))


async def live(session: aiohttp.ClientSession, url: str, model: str, rate: float, latencies: list[float]) -> None:
    """Send live requests at a steady rate until canceled."""
    image = {"type": "base64", "value": base64.b64encode(IMAGE.read_bytes()).decode()}
    wanted = {"model_id": model, "image": image}
    sending: set[asyncio.Task[None]] = set()

    async def one() -> None:
        begun = time.perf_counter()
        async with session.post(f"{url}{ROUTE}", json=wanted) as answer:
            body = await answer.json()
            assert answer.status == 200, body
        latencies.append(time.perf_counter() - begun)

    try:
        while True:
            sent = asyncio.create_task(one())
            sending.add(sent)
            sent.add_done_callback(sending.discard)
            await asyncio.sleep(1 / rate)
    finally:
        await asyncio.gather(*sending)


async def during(session: aiohttp.ClientSession, options: argparse.Namespace, url: str, seconds: float) -> list[float]:
    """Latencies of the live client over so many seconds."""
    latencies: list[float] = []
    client = asyncio.create_task(live(session, url, options.model, options.rate, latencies))
    await asyncio.sleep(seconds)
    client.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await client
    return latencies


@dataclass
class Figures:
    """What one kind of run came to, over all rounds."""

    speeds: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    def row(self, name: str) -> tuple[str, ...]:
        """Median speed, quantiles of the latency."""
        cells = (name, f"{statistics.median(self.speeds):.1f}" if self.speeds else "")
        ordered = sorted(self.latencies)
        if not ordered:
            return (*cells, "", "", "")
        quantiles = [f"{ordered[int(len(ordered) * share)] * 1000:.1f}" for share in (0.5, 0.99)]
        return (*cells, *quantiles, str(len(ordered)))


async def measure(options: argparse.Namespace, fleet: Processes, redis_url: str, folder: Path) -> list[Figures]:
    """Rounds of all four runs, one after the other, so that a noisy machine is noisy for all of them."""
    alone, pool, batch, beside = found = [Figures() for _ in range(4)]
    async with aiohttp.ClientSession() as session:
        await pool_speed(redis_url, options.model, 50, 8)
        for _ in range(options.rounds):
            alone.latencies += await during(session, options, fleet.url, 5)
            pool.speeds.append(await pool_speed(redis_url, options.model, options.images, 128))
            batch.speeds.append(await batch_speed(session, fleet.url, options.model, folder))
            client = asyncio.create_task(live(session, fleet.url, options.model, options.rate, beside.latencies))
            beside.speeds.append(await batch_speed(session, fleet.url, options.model, folder))
            client.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await client
    return found


def table_of(found: list[Figures]) -> Table:
    """Everything on one screen."""
    table = Table("run", "images/s", "live p50 ms", "live p99 ms", "live requests")
    alone, pool, batch, beside = found
    share = statistics.median(ours / its for ours, its in zip(batch.speeds, pool.speeds, strict=True))
    table.add_row(*alone.row("live requests alone"))
    table.add_row(*pool.row("bulk jobs, a client keeps 128 queued"))
    table.add_row(*batch.row(f"batch ({share:.0%} of that)"))
    table.add_row(*beside.row("batch with live requests beside it"))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="shapes-detector")
    parser.add_argument("--rate", type=float, default=5, help="live requests per second")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = folder / "images"
        images.mkdir()
        for number in range(options.images):
            shutil.copy(IMAGE, images / f"{number:06}.jpg")
        server = RedisServer(folder)
        server.start()
        fleet = Processes(server.url, folder, VISIONFLEET_BATCH_FOLDERS=json.dumps([str(images)]))
        try:
            fleet.api()
            for _ in range(options.workers):
                fleet.worker()
            fleet.until(options.workers)
            found = asyncio.run(measure(options, fleet, server.url, images))
        finally:
            fleet.end()
            server.stop()
    Console(width=120).print(table_of(found))


if __name__ == "__main__":
    main()
