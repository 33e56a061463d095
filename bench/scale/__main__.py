"""Where does Redis saturate, and what then? From measured service times to 1 000 workers and 100 000 requests/s.

First the real queue runs on this machine with a worker that answers at once, for images of each size: CPU time of Redis
per job. Then a simulated fleet (bench/scale/fleet.py) gets Poisson arrivals. API replicas are as many as keep them at
70 % busy; workers as many as would serve the rate at 70 %, at most --workers. --redis are the numbers of Redis servers
that jobs are spread over by their ids; one is what a fleet has today.

"first at 100 %" is the kind of station that is full, if one is. "refused" is what the queue's depth limit turns away.
"""

from __future__ import annotations

import argparse
import math

from bench import report
from bench.scale.fleet import Costs, Fleet, Simulation
from bench.scale.measured import service_times

BUSY = 0.7
FULL = 0.98


def needed(rate: float, costs: Costs, most: int, redises: int) -> Fleet:
    """API replicas and workers for that rate, with room."""
    apis = math.ceil(rate * costs.api_ms / 1000 / BUSY)
    per_image = costs.batch_ms / costs.max_batch + costs.image_ms
    return Fleet(apis, redises, max(redises, min(most, math.ceil(rate * per_image / 1000 / BUSY))))


def row(fleet: Fleet, costs: Costs, rate: float, options: argparse.Namespace) -> report.Row:
    requests = min(options.requests, int(rate * options.seconds))
    found = Simulation(fleet, costs, options.depth).run(rate, requests)
    full = max(found.busy, key=lambda name: found.busy[name])
    return {
        "offered/s": rate,
        "redis": fleet.redises,
        "api": fleet.apis,
        "workers": fleet.workers,
        "answered/s": found.rate,
        "refused": found.refused / found.offered,
        "p50 ms": found.quantile(0.5),
        "p99 ms": found.quantile(0.99),
        "batch": len(found.answers) / max(1, found.batches),
        **{f"{name} busy": share for name, share in found.busy.items()},
        "first at 100 %": full if found.busy[full] >= FULL or found.refused else "",
    }


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--kilobytes", type=int, nargs="+", default=[1, 70], help="sizes of images in jobs")
    parser.add_argument("--rates", type=float, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--redis", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--workers", type=int, default=1000, help="at most")
    parser.add_argument("--batch-ms", type=float, default=4.0, help="of a worker's run, whatever its size")
    parser.add_argument("--image-ms", type=float, default=0.4, help="of a worker per image: a small model on a GPU")
    parser.add_argument("--max-batch", type=int, default=16)
    parser.add_argument("--api-ms", type=float, default=0.3, help="of an API replica per request: docs/benchmarks.md")
    parser.add_argument("--depth", type=int, default=10_000, help="jobs that may wait on a Redis server")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--requests", type=int, default=1_000_000, help="simulated per row, at most")
    parser.add_argument("--jobs", type=int, default=3000, help="measured per size and round")
    parser.add_argument("--rounds", type=int, default=5, help="measured per size; the least counts")
    options = parser.parse_args()
    rows: list[report.Row] = []
    notes: list[str] = []
    for size in options.kilobytes:
        taken = service_times(size, options.jobs, options.rounds)
        limit = 1000 / taken["redis"]
        notes.append(
            f"{size} kB: Redis {taken['redis']:.3f} ms/job here, so one server does {limit:,.0f} jobs/s at most"
        )
        costs = Costs(options.api_ms, taken["redis"], options.batch_ms, options.image_ms, options.max_batch)
        for rate in options.rates:
            for redises in options.redis:
                fleet = needed(rate, costs, options.workers, redises)
                rows.append({"kB": size, **row(fleet, costs, rate, options)})
    report.show("scale (simulated)", rows, as_json=options.json, notes=notes)


if __name__ == "__main__":
    main()
