"""Requests per second whose inference is next to nothing, so that what is left is the system itself.

system   wrk -> API -> redis -> worker -> redis -> API: a real request (an 8 x 8 JPEG as base64) to a network that
         averages 64 pixels. All of it, from routing to JSON, with the access log on.
bare     wrk -> an aiohttp handler on uvloop that reads the same body and answers at once, without an access log.

Both take turns in every round; the figures are those of each side's best round.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import pictures, report, wrk
from bench.networks.repository import write_noop
from bench.system import System, cpu_seconds, process, system
from tests.redis_server import free_port

MODEL = "bench-noop"


@contextmanager
def bare(processes: int, folder: Path) -> Iterator[System]:
    """The handler that answers at once."""
    port = free_port()
    command = ("bench.frontdoor.bare", str(port), str(processes))
    with process(*command, log=folder / "bare.log", environment=os.environ) as pid:
        made = System(f"http://127.0.0.1:{port}", "", {"api": pid})
        for _ in range(100):
            try:
                urllib.request.urlopen(made.url, timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield made


def measure(url: str, made: System, bodies: list[Path], connections: int, seconds: int) -> report.Row:
    """One round on one side."""
    before = {name: cpu_seconds(pid) for name, pid in made.pids.items()}
    load = wrk.run(url, bodies, connections, seconds)
    cpu = {
        f"{name} cpu ms": (cpu_seconds(pid) - before[name]) * 1000 / load.requests for name, pid in made.pids.items()
    }
    used = {**cpu, "wrk cpu ms": load.cpu * 1000 / load.requests}
    return {"requests/s": load.rate, "p50 ms": load.p50, "p99 ms": load.p99, **used}


def compare(processes: int, folder: Path, options: argparse.Namespace) -> list[report.Row]:
    """Both sides with so many API processes, at every concurrency."""
    bodies = pictures.bodies(folder / f"bodies-{processes}", MODEL, pictures.jpegs(1, 8, 8))
    rows: list[report.Row] = []
    with (
        system(folder / "models", [MODEL], processes=str(processes)) as real,
        bare(processes, folder) as plain,
    ):
        sides = {"bare": (plain.url + "/", plain), "system": (real.url + "/infer/classification", real)}
        for connections in options.concurrency:
            rounds: dict[str, list[report.Row]] = {name: [] for name in sides}
            for turn in range(options.rounds + 1):
                for name, (url, made) in sides.items():
                    time.sleep(options.pause)
                    taken = measure(url, made, bodies, connections, options.seconds if turn else 1)
                    rounds[name] += [taken] if turn else []
            best = {name: max(taken, key=lambda row: row["requests/s"]) for name, taken in rounds.items()}
            rows += [
                {"side": name, "api processes": processes, "connections": connections, **best[name]} for name in sides
            ]
    return rows


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=int, default=4, help="of each side per round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows: list[report.Row] = []
    with tempfile.TemporaryDirectory() as folder:
        write_noop(Path(folder) / "models")
        for processes in options.processes:
            rows += compare(processes, Path(folder), options)
    report.show("front door: requests that infer next to nothing", rows, as_json=options.json)


if __name__ == "__main__":
    main()
