"""What ending a job costs Redis: without the account of use, with it, and with it as it was counted before.

    python -m bench.queue.finish

Jobs are submitted and taken first; measured is the CPU time of redis-server while their results are written, eight in
one round trip. The variants take turns, ``--rounds`` times; the figures are the median and the best round of each.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

from typing_extensions import override

from bench import report
from shared import keys
from shared.jobs import Job, JobResult
from shared.queue.consumer import QueueConsumer, Taken
from shared.queue.dispatcher import Dispatcher
from shared.redis import LUA, Call, Script, SyncRedis, connect
from shared.settings import QueueSettings, RedisSettings
from shared.usage.use import use_of, who
from tests.redis_server import RedisServer

DAYS = 400
GROUP, KEYS, TOGETHER = "any", 20, 8


class AtOnce(QueueConsumer):
    """Counts in the day's hash with every job, in four writes."""

    def __init__(self, client: SyncRedis, settings: QueueSettings, name: str) -> None:
        super().__init__(client, settings, name)
        old = (Path(__file__).parent / "at_once.lua").read_text()
        self._script = Script("finish")
        self._script.source = (LUA / "common.lua").read_text() + "\n" + old
        self._script.sha = sha1(self._script.source.encode(), usedforsecurity=False).hexdigest()

    @override
    def _finish(self, taken: Taken, result: JobResult) -> Call:
        call = super()._finish(taken, result)
        uses = use_of(taken.job, result, taken.infer_ms)
        counts = (part for use in uses for part in use)
        return Call(self._script, call.keys, (*call.arguments[:13], who(taken.job), *counts))


VARIANTS: dict[str, tuple[type[QueueConsumer], int]] = {
    "not counted": (QueueConsumer, 0),
    "one line a job, added up later": (QueueConsumer, DAYS),
    "in the day's hash at once": (AtOnce, DAYS),
}


def redis_cpu_us(client: SyncRedis) -> float:
    """User and system time of the server so far."""
    info = client.info("cpu")
    return float(info["used_cpu_user"] + info["used_cpu_sys"]) * 1e6


async def submit(url: str, count: int) -> None:
    """Jobs of live requests, as many callers send them."""
    dispatcher = Dispatcher(RedisSettings(redis_url=url), QueueSettings(max_queue_depth=count + 1))
    await dispatcher.start()
    jobs = [Job("noop", [b"x"], key=f"key-{number % KEYS}") for number in range(count)]
    for start in range(0, count, 200):
        await asyncio.gather(*(dispatcher.submit(job) for job in jobs[start : start + 200]))
    await dispatcher.close()


def taken(consumer: QueueConsumer) -> Iterator[list[Taken]]:
    """All jobs, a batch at a time."""
    while batch := consumer.take([keys.queue(GROUP, "live", "noop")], TOGETHER):
        yield batch


def measure(url: str, client: SyncRedis, variant: str, count: int) -> dict[str, float]:
    """One round: µs per job."""
    client.flushall()
    asyncio.run(submit(url, count))
    made, days = VARIANTS[variant]
    consumer = made(client, QueueSettings(usage_days=days), "bench")
    batches = list(taken(consumer))
    for batch in batches:
        for one in batch:
            one.infer_ms = 3.25
    before, begun = redis_cpu_us(client), time.perf_counter()
    for batch in batches:
        ended = [(one, JobResult(one.job.id, "succeeded", outputs=[{"output": {}}])) for one in batch]
        assert consumer.finish(ended) == len(batch)
    wall = time.perf_counter() - begun
    return {"redis us/job": (redis_cpu_us(client) - before) / count, "wall us/job": wall * 1e6 / count}


def main() -> None:
    """All variants, in turns."""
    parser = report.parser(__doc__)
    parser.add_argument("--jobs", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            client = connect(RedisSettings(redis_url=server.url))
            for _ in range(options.rounds):
                for name in VARIANTS:
                    rounds[name].append(measure(server.url, client, name, options.jobs))
        finally:
            server.stop()
    rows: list[report.Row] = []
    for name, found in rounds.items():
        cpu, wall = ([figures[unit] for figures in found] for unit in ("redis us/job", "wall us/job"))
        best, median = min(cpu), statistics.median(cpu)
        rows.append({"variant": name, "redis us/job": median, "best": best, "wall us/job": statistics.median(wall)})
    report.show("queue: what ending a job costs Redis", rows, as_json=options.json)


if __name__ == "__main__":
    main()
