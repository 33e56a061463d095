"""What an API key costs: the requests of bench.frontdoor to a server that asks nobody, and with keys of four kinds.

They take turns in every round; the figures are those of each side's best round.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path

from bench import pictures, report, wrk
from bench.networks.repository import write_noop
from bench.system import System, cpu_seconds, system
from shared.access.key import Limits
from shared.access.store import KeyStore, Wanted
from shared.redis import connect_async
from shared.settings import RedisSettings

MODEL = "bench-noop"
ROUTE = "/infer/classification"
PLENTY = 1e6


async def make(redis_url: str, limits: Limits) -> str:
    """A key of that server; its text."""
    client = connect_async(RedisSettings(redis_url=redis_url))
    try:
        return (await KeyStore(client).create(Wanted("bench", ["infer"], limits=limits)))[1]
    finally:
        await client.aclose()


def measure(made: System, url: str, bodies: list[Path], headers: list[str], options: tuple[int, int]) -> report.Row:
    """One round on one side."""
    before = {name: cpu_seconds(pid) for name, pid in made.pids.items()}
    load = wrk.run(url, bodies, *options, headers=headers)
    used = {
        f"{name} cpu ms": (cpu_seconds(pid) - before[name]) * 1000 / load.requests for name, pid in made.pids.items()
    }
    return {"requests/s": load.rate, "p50 ms": load.p50, "p99 ms": load.p99, **used}


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=4, help="of each side per round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_noop(folder / "models")
        bodies = pictures.bodies(folder / "bodies", MODEL, pictures.jpegs(1, 8, 8))
        with system(folder / "models", [MODEL]) as free, system(folder / "models", [MODEL]) as closed:
            kinds = {
                "key": Limits(),
                "key, rate": Limits(rate=PLENTY, burst=1_000_000),
                "key, concurrency": Limits(concurrency=10_000),
                "key, queue share": Limits(queue_share=1.0),
            }
            keys = {side: asyncio.run(make(closed.redis_url, limits)) for side, limits in kinds.items()}
            time.sleep(1)
            in_body = folder / "with-key.json"
            in_body.write_text(json.dumps({**json.loads(bodies[0].read_text()), "api_key": keys["key"]}))
            sides = {"open": (free, bodies, []), "key in the body": (closed, [in_body], [])}
            sides |= {side: (closed, bodies, [f"Authorization: Bearer {key}"]) for side, key in keys.items()}
            rounds: dict[str, list[report.Row]] = {side: [] for side in sides}
            for turn in range(options.rounds + 1):
                for side, (made, sent, headers) in sides.items():
                    time.sleep(options.pause)
                    how = (options.connections, options.seconds if turn else 1)
                    taken = measure(made, made.url + ROUTE, sent, headers, how)
                    rounds[side] += [taken] if turn else []
    best = [{"side": side, **max(rows, key=lambda row: row["requests/s"])} for side, rows in rounds.items()]
    report.show("front door: what an API key costs", best, as_json=options.json)


if __name__ == "__main__":
    main()
