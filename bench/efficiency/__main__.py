"""Images per second over HTTP, divided by those of a plain onnxruntime loop. Same model, threads, batch and machine.

with decode     The same 640 x 480 JPEG pictures for both. Loop: decode, resize, normalise, run, one after the other
                in one thread. Served: wrk -> API -> redis -> worker -> answer, suppression and JSON included.
without decode  Served: 32 x 32 pictures, which take 0.03 ms to decode and still fill the network's input. Loop: ready
                tensors, nothing but the run.

Loop and served take turns in every round, and the ratio is the median of the rounds' ratios. wrk's own CPU time is part
of what the served side has to share the machine with.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench import pictures, report, wrk
from bench.efficiency.loop import Loop
from bench.networks.repository import write_all
from bench.system import System, system
from worker_service.engine.runtime.session import Runtime
from worker_service.settings import EngineSettings

ROUTES = {"bench-detector": "/infer/object_detection", "bench-classifier": "/infer/classification"}
SIZES = {"without decode": (32, 32), "with decode": (640, 480)}
PICTURES = 16
Cpu = dict[str, float]


class Round(NamedTuple):
    """The loop's images per second, and what serving did right after it."""

    loop: float
    load: wrk.Load
    cpu: Cpu


def measure(made: System, model: str, case: str, folder: Path, options: argparse.Namespace) -> list[report.Row]:
    """One network, one case, every concurrency."""
    images = pictures.jpegs(PICTURES, *SIZES[case])
    bodies = pictures.bodies(folder / f"{model} {case}", model, images)
    url = made.url + ROUTES[model]
    rows: list[report.Row] = []
    for connections in options.concurrency:
        batch = min(connections, options.batch)
        loop = Loop(folder / "models" / model, options.threads, batch)
        plain = loop.with_decode if case == "with decode" else loop.without_decode
        wrk.run(url, bodies, connections, 1)
        made.drain()
        plain(images, 0.5)
        rounds: list[Round] = []
        for _ in range(options.rounds):
            time.sleep(options.pause)
            rate = plain(images, options.seconds)
            time.sleep(options.pause)
            rounds.append(Round(rate, *serve(made, url, bodies, connections, options.seconds)))
        rows.append({"network": model.removeprefix("bench-"), "case": case, "concurrency": connections, **row(rounds)})
    return rows


def serve(made: System, url: str, bodies: list[Path], connections: int, seconds: int) -> tuple[wrk.Load, Cpu]:
    """Load for so long, and the CPU time (ms) that each process spent on an image."""
    before = made.cpu_seconds()
    load = wrk.run(url, bodies, connections, seconds)
    made.drain()
    run = load.requests + connections  # wrk leaves one request of each connection unanswered; it is run all the same
    cpu = {f"{name} cpu ms": (used - before[name]) * 1000 / run for name, used in made.cpu_seconds().items()}
    return load, cpu | {"wrk cpu ms": load.cpu * 1000 / run}


def row(rounds: list[Round]) -> report.Row:
    """What the rounds say together."""
    return {
        "loop img/s": median(taken.loop for taken in rounds),
        "served img/s": median(taken.load.rate for taken in rounds),
        "ratio": median(taken.load.rate / taken.loop for taken in rounds),
        "p50 ms": median(taken.load.p50 for taken in rounds),
        "p99 ms": max(taken.load.p99 for taken in rounds),
        **{name: median(taken.cpu[name] for taken in rounds) for name in rounds[0].cpu},
    }


def main() -> None:
    parser = report.parser(__doc__)
    runtime = Runtime(EngineSettings())
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--networks", nargs="+", default=list(ROUTES), choices=list(ROUTES))
    parser.add_argument("--cases", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--seconds", type=int, default=5, help="of each side per round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.set_defaults(threads=runtime.threads, batch=runtime.max_batch)
    options = parser.parse_args()
    rows: list[report.Row] = []
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        write_all(models)
        for model in options.networks:
            with system(models, [model]) as made:
                for case in options.cases:
                    rows += measure(made, model, case, Path(folder), options)
    notes = [f"{options.threads} threads per model run, at most {options.batch} images per run, on both sides"]
    report.show("efficiency: served over HTTP / plain loop", rows, as_json=options.json, notes=notes)


if __name__ == "__main__":
    main()
