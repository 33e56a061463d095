"""Cameras: how old answers are and how many come, from 1 to 16, in the same run on the same machine.

ours      RTSP -> stream service -> queue -> a worker process -> the place where sinks take results.
loop      a plain OpenCV loop with the same engine, all cameras in one process. What had come before it began to read is
          thrown away first; when the model is slower than the cameras (choose ``--fps``), its age grows nevertheless.
roboflow  Roboflow's InferencePipeline with the same network (``--roboflow PYTHON`` of an environment that has it).

All cameras send one film, in which each picture carries its number: the age of an answer is the time since the camera
sent its picture. "of model" is answers/s beside what the engine alone can do (or what the cameras send, when that is
less). "drift" is the median age of the last third minus that of the first: about 0 when age does not grow.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import report
from bench.networks.repository import write_all
from bench.system import system
from tests.cameras import film
from tests.cameras.camera import Camera
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

ROOT = Path(__file__).resolve().parents[2]
SIZE = (640, 360)


def alone(models: Path, model: str, threads: int, seconds: float) -> float:
    """Images per second of the engine with nothing else to do, pictures lying ready: the best of the ways in which a
    worker may run it, alone or side by side, one image or a batch at a time.
    """
    engine = Engine(EngineSettings(model_dirs=(models,), intra_op_threads=threads))
    most, runs = engine.runtime.max_batch, engine.runtime.runs
    together(engine, model, most, runs, 1.0)  # opens what runs side by side need
    ways = ((1, 1), (most, 1), (1, runs), (most, runs))
    return max(together(engine, model, batch, side, seconds / len(ways)) for batch, side in ways)


def together(engine: Engine, model: str, batch: int, runs: int, seconds: float) -> float:
    """Images per second of so many runs side by side, each of a batch."""
    images = [film.picture(number, *SIZE, 100) for number in range(10, 10 + batch)]
    began = time.perf_counter()

    def run(_: int) -> int:
        done = 0
        while time.perf_counter() - began < seconds:
            assert not any(isinstance(answer, Exception) for answer in engine.infer(model, images))
            done += batch
        return done

    with ThreadPoolExecutor(runs) as threads:
        done = sum(threads.map(run, range(runs)))
    return done / (time.perf_counter() - began)


def run(command: list[str], given: dict[str, Any], seconds: float) -> list[tuple[float, int, float]]:
    """One side in a process of its own: (moment, camera, age) of its answers."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    how: dict[str, Any] = {"cwd": ROOT, "env": environment, "timeout": seconds + 400}
    done = subprocess.run([*command, json.dumps(given)], capture_output=True, text=True, check=False, **how)
    told = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not told:
        raise RuntimeError(f"{command[-1]} said nothing:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}")
    rows: list[tuple[float, int, float]] = json.loads(told[0].removeprefix("RESULT "))
    return rows


def row(side: str, cameras: int, rows: list[tuple[float, int, float]], options: argparse.Namespace, able: float) -> Any:
    """One side's figures."""
    ages = sorted(age * 1000 for _, _, age in rows)
    third = options.seconds / 3
    first = sorted(age for at, _, age in rows if at < third)
    last = sorted(age for at, _, age in rows if at >= 2 * third)
    counts = [sum(camera == one for _, camera, _ in rows) for one in range(cameras)]
    rate = len(rows) / options.seconds
    made: dict[str, Any] = {"cameras": cameras, "side": side, "offered/s": cameras * options.fps, "answers/s": rate}
    made["of model"] = rate / min(able, cameras * options.fps)
    if ages and first and last:
        made["p50 ms"] = report.quantile(ages, 0.5)
        made["p95 ms"] = report.quantile(ages, 0.95)
        made["drift ms"] = (report.quantile(last, 0.5) - report.quantile(first, 0.5)) * 1000
    made["least/most served"] = min(counts) / max(counts) if any(counts) else 0.0
    return made


def sides(options: argparse.Namespace) -> dict[str, list[str]]:
    """The command of each side."""
    made = {name: [sys.executable, "-m", f"bench.streams.{module}"] for name, module in OURS.items()}
    if options.roboflow:
        made["roboflow"] = [options.roboflow, str(ROOT / "bench" / "streams" / "roboflow_side.py")]
    return made


OURS = {"loop": "loop_side", "ours": "our_side"}


def measure(options: argparse.Namespace, models: Path, redis: str, able: float) -> list[report.Row]:
    """All sides for each number of cameras, in turns."""
    rows: list[report.Row] = []
    with Camera(SIZE, options.fps, pictures=60 * options.fps) as camera:
        for cameras in options.cameras:
            for name, command in sides(options).items():
                time.sleep(options.pause)
                given = {
                    "urls": [camera.path(f"cam/{one}") for one in range(cameras)],
                    "started": camera.started,
                    "fps": options.fps,
                    "pictures": camera.pictures,
                    "warm": options.warm,
                    "seconds": options.seconds,
                    "models": str(models),
                    "model": options.model,
                    "size": 640,
                    "threads": options.threads,
                    "redis": redis,
                }
                rows.append(row(name, cameras, run(command, given, options.warm + options.seconds), options, able))
    return rows


def main() -> None:
    made = report.parser(__doc__)
    made.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    made.add_argument("--fps", type=int, default=10, help="frames per second of each camera")
    made.add_argument("--seconds", type=float, default=15)
    made.add_argument("--warm", type=float, default=4, help="seconds before that, which do not count")
    made.add_argument("--model", default="bench-detector")
    made.add_argument("--threads", type=int, default=2, help="threads of the network on every side")
    made.add_argument("--roboflow", metavar="PYTHON", help="of an environment with Roboflow's inference")
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder)
        write_all(models)
        able = alone(models, options.model, options.threads, options.warm)
        variables = {"intra_op_threads": str(options.threads), "pinned_models": options.model}
        with system(models, [options.model], **variables) as running:
            rows = measure(options, models, running.redis_url, able)
    notes = [f"the engine alone: {able:.1f} images/s with {options.threads} threads"]
    report.show("streams", rows, as_json=options.json, notes=notes)


if __name__ == "__main__":
    main()
