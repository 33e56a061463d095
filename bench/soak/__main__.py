"""Memory of API, worker and Redis while they serve small pictures, good and bad, synchronous and as jobs.

Of 20 requests 18 are good pictures, one is no picture (its answer must be 400) and one is an asynchronous job whose
record expires after a few seconds. Resident size is sampled all along; a line is fitted through the samples after the
first fifth of the requests. The exit status is 1 when what that line gains exceeds the limit for any process.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import aiohttp

from bench import pictures, report
from bench.soak.memory import Memory
from bench.system import System, system
from worker_service.settings import ROOT

MODEL = "shapes-classifier"
SAMPLES = 100
RESULT_TTL_S = 5
SYNC, JOB = "/infer/classification", "/v1/jobs"
Request = tuple[str, dict[str, Any], int]


def requests() -> Iterator[Request]:
    """Path, body and expected status, for ever."""
    good = [reference(image) for image in pictures.jpegs(8, 96, 96)]
    bad = {"model_id": MODEL, "image": reference(b"no picture at all")}
    for number in itertools.count():
        image = good[number % len(good)]
        if number % 20 == 7:
            yield SYNC, bad, 400
        elif number % 20 == 13:
            yield JOB, {"model": MODEL, "image": image, "result_ttl": RESULT_TTL_S}, 200
        else:
            yield SYNC, {"model_id": MODEL, "image": image}, 200


def reference(image: bytes) -> dict[str, str]:
    return {"type": "base64", "value": b64encode(image).decode()}


async def serve(made: System, count: int, concurrency: int) -> Memory:
    """Send the requests over so many connections, sampling memory as they are answered."""
    memory = Memory(made.pids, made.redis_url)
    todo, every = itertools.islice(requests(), count), max(1, count // SAMPLES)
    served = 0
    memory.sample(served)

    async def client(session: aiohttp.ClientSession) -> None:
        nonlocal served
        for path, body, expected in todo:
            async with session.post(made.url + path, json=body, headers={"Prefer": "wait=30"}) as answer:
                await answer.read()
                assert answer.status == expected, await answer.text()
            served += 1
            if served % every == 0:
                memory.sample(served)

    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(client(session) for _ in range(concurrency)))
    return memory


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--limit-mib", type=float, default=4.0, help="growth allowed to each process")
    options = parser.parse_args()
    with system(ROOT / "models", [MODEL]) as made:
        begun = time.monotonic()
        memory = asyncio.run(serve(made, options.requests, options.concurrency))
        seconds = time.monotonic() - begun
    rows = memory.rows(options.limit_mib)
    notes = [f"{options.requests} requests in {seconds:.0f} s, {options.concurrency} at a time; medians of quarters"]
    report.show("soak: memory over many requests", rows, as_json=options.json, notes=notes)
    return int(any(row["flat"] != "yes" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
