"""How to divide the cores: so many worker processes, runs at a time in each, threads of a run.

Each division is a system of its own (redis-server, API, workers); all are open at the same time and take turns, so that
what others do on the machine meets them alike. A picture of 640 x 480 over HTTP, as in bench.efficiency; figures are
medians of the rounds. ``x`` is images/s by those of the first row, which is what a worker does by itself.

Divisions are written workers/runs/threads; ``2/1/1`` is two workers with one run of one thread each.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import pictures, report, wrk
from bench.networks.repository import write_all
from bench.system import System
from bench.threads.division import started

ROUTES = {"bench-detector": "/infer/object_detection", "bench-classifier": "/infer/classification"}


def divisions(cores: int) -> list[str]:
    """What is worth comparing on so many cores; the first is the profile's own."""
    own = f"1/2/{cores}"
    return [own, f"1/1/{cores}", f"1/{cores}/1", f"{cores}/1/1", f"{cores}/2/1", "1/1/1", f"{2 * cores}/1/1"]


def measure(made: System, model: str, bodies: list[Path], connections: int, seconds: int) -> report.Row:
    """One round."""
    before = made.cpu_seconds()
    load = wrk.run(made.url + ROUTES[model], bodies, connections, seconds)
    made.drain()
    after = made.cpu_seconds()
    cpu = sum(after[name] - before[name] for name in after if name.startswith("worker"))
    return {
        "images/s": load.rate,
        "p50 ms": load.p50,
        "p99 ms": load.p99,
        "worker cpu ms": cpu * 1000 / max(1, load.requests),
    }


def medians(found: list[report.Row]) -> dict[str, float]:
    return {key: statistics.median(row[key] for row in found) for key in found[0]}


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--divisions", nargs="+", default=divisions(2), help="of two cores, unless you name others")
    parser.add_argument("--models", nargs="+", choices=list(ROUTES), default=list(ROUTES))
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=int, default=3, help="of each system per round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows: list[report.Row] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        write_all(folder / "models")
        sides = {
            division: stack.enter_context(started(folder / "models", list(ROUTES), division))
            for division in options.divisions
        }
        for model in options.models:
            bodies = pictures.bodies(folder / model, model, pictures.jpegs(4, 640, 480))
            for connections in options.concurrency:
                taken: dict[str, list[report.Row]] = {division: [] for division in sides}
                for turn in range(options.rounds + 1):
                    for division, made in sides.items():
                        time.sleep(options.pause)
                        row = measure(made, model, bodies, connections, options.seconds if turn else 2)
                        taken[division] += [row] if turn else []
                best = {d: medians(found) for d, found in taken.items()}
                first = best[options.divisions[0]]["images/s"]
                rows += [
                    {"network": model, "connections": connections, "workers/runs/threads": d}
                    | figures
                    | {"x": figures["images/s"] / first}
                    for d, figures in best.items()
                ]
    report.show("divisions of the cores", rows, as_json=options.json)


if __name__ == "__main__":
    main()
