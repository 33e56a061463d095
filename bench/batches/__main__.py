"""Does a batch run at the full speed of the pool, and do live requests keep their latency meanwhile? On this machine.

Three runs on one redis-server, one API process and ``--workers`` workers: bulk jobs that a client keeps in the queue
by itself (the pool's own speed), a batch of as many images from a folder, and the batch with a live client beside it
that sends ``--rate`` requests a second. The live client alone is the measure of its latency.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import shutil
import tempfile
import time
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


async def batch_speed(session: aiohttp.ClientSession, url: str, model: str, folder: Path) -> tuple[float, int]:
    """Images per second of a batch, from its acceptance to its end, and how many failed."""
    begun = time.perf_counter()
    async with session.post(f"{url}/v1/batches", json={"model": model, "folder": str(folder)}) as answer:
        batch = await answer.json()
        assert answer.status == 202, batch
    while batch["state"] in ("queued", "running"):
        await asyncio.sleep(0.1)
        async with session.get(f"{url}/v1/batches/{batch['id']}") as answer:
            batch = await answer.json()
    assert batch["done"] == batch["total"], batch
    return batch["total"] / (time.perf_counter() - begun), batch["failed"]


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

    while True:
        sent = asyncio.create_task(one())
        sending.add(sent)
        sent.add_done_callback(sending.discard)
        await asyncio.sleep(1 / rate)


async def during(session: aiohttp.ClientSession, options: argparse.Namespace, url: str, seconds: float) -> list[float]:
    """Latencies of the live client over so many seconds."""
    latencies: list[float] = []
    client = asyncio.create_task(live(session, url, options.model, options.rate, latencies))
    await asyncio.sleep(seconds)
    client.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await client
    return latencies


def row(name: str, speed: float | None, latencies: list[float]) -> tuple[str, ...]:
    ordered = sorted(latencies)
    cells = (name, "" if speed is None else f"{speed:.1f}")
    if not ordered:
        return (*cells, "", "", "")
    quantiles = [f"{ordered[int(len(ordered) * share)] * 1000:.1f}" for share in (0.5, 0.99)]
    return (*cells, *quantiles, str(len(ordered)))


async def measure(options: argparse.Namespace, fleet: Processes, redis_url: str, folder: Path, table: Table) -> None:
    async with aiohttp.ClientSession() as session:
        await pool_speed(redis_url, options.model, 50, 8)
        table.add_row(*row("live requests alone", None, await during(session, options, fleet.url, 10)))
        own = await pool_speed(redis_url, options.model, options.images, 128)
        table.add_row(*row("bulk jobs, client keeps 128 queued", own, []))
        speed, failed = await batch_speed(session, fleet.url, options.model, folder)
        table.add_row(*row(f"batch ({speed / own:.0%} of the pool, {failed} failed)", speed, []))
        latencies: list[float] = []
        client = asyncio.create_task(live(session, fleet.url, options.model, options.rate, latencies))
        speed, failed = await batch_speed(session, fleet.url, options.model, folder)
        client.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await client
        table.add_row(*row(f"batch with live requests beside it ({failed} failed)", speed, latencies))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--model", default="shapes-detector")
    parser.add_argument("--rate", type=float, default=5, help="live requests per second")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    table = Table("run", "images/s", "live p50 ms", "live p99 ms", "live requests")
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
            asyncio.run(measure(options, fleet, server.url, images, table))
        finally:
            fleet.end()
            server.stop()
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
