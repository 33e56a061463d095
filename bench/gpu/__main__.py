"""How near our sessions come to the provider's own loop on a GPU, and whether the processors keep it fed.

For each profile and precision, with and without CUDA graphs, at each batch size, with one process and with several on
the same GPU:

loop      the provider's runs one after the other, inputs and outputs on the device, with its own CUDA graphs: the limit
ours xN   the same graph through Session and Batcher, N batches at a time: numpy in, numpy out, copies included
same      whether batches that meet get the answers that they get alone

The aim is ours >= 0.95 of loop. Then: pictures a second that 1, 2, 4 ... threads decode and prepare, and the whole
system over HTTP with so many workers on the card. ``--profiles cpu`` runs it without a GPU, to see that it works.
TensorRT compiles its engine in the first cell of a batch size (a minute or two for the detector), which is not counted.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

from bench import pictures, report
from bench.gpu.served import Served, served
from bench.gpu.side import rate
from bench.networks import detector
from bench.networks.repository import halve, write_all
from bench.networks.repository import pictures as scenes
from worker_service.engine.engine import Engine
from worker_service.engine.params import Params
from worker_service.quantize.convert import Options, static_int8
from worker_service.settings import EngineSettings

PRECISIONS = ("float16", "float32", "int8")
CALIBRATION = 4
"""Pictures; the answers mean nothing anyway."""


def card() -> str:
    """The GPU's name and driver."""
    if shutil.which("nvidia-smi") is None:
        return "no GPU"
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()


def cell(wanted: dict[str, Any], processes: int) -> report.Row:
    """So many processes at the same time; rates are their sums."""
    command = [sys.executable, "-m", "bench.gpu.side"]
    sides = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(processes)
    ]
    try:
        told = [say(side, json.dumps(wanted)) for side in sides]  # one after the other: the first compiles for all
        with ThreadPoolExecutor(processes) as threads:
            rates = list(threads.map(lambda side: say(side, "go"), sides))
    finally:
        for side in sides:
            side.kill()
    if not all(told) or not all(rates):
        return {"provider": "failed"}
    sums = {name: sum(found[name] for found in rates) for name in rates[0] if name != "same"}
    return {
        "provider": told[0]["provider"],
        "open s": told[0]["open s"],
        **{f"{name} img/s": value for name, value in sums.items()},
        "ours/loop": max(value for name, value in sums.items() if name.startswith("ours")) / sums["loop"],
        "same": str(all(found["same"] for found in rates)),
    }


def say(side: subprocess.Popen[str], line: str) -> dict[str, Any]:
    """Its answer; empty when it has ended."""
    assert side.stdin is not None
    assert side.stdout is not None
    try:
        side.stdin.write(line + "\n")
        side.stdin.flush()
    except BrokenPipeError:
        return {}
    answer = side.stdout.readline()
    found: dict[str, Any] = json.loads(answer) if answer else {}
    return found


def decoding(models: Path, seconds: float) -> list[report.Row]:
    """Pictures a second that so many threads decode and prepare for the detector."""
    engine = Engine(EngineSettings(model_dirs=(models,), warm_up=False, profile="cpu"))
    model = engine.get("bench-detector")
    params = model.params({})
    rows: list[report.Row] = []
    for size, threads in product(((640, 480), (1920, 1080)), (1, 2, 4, 8, 16, 32)):
        if threads > (os.cpu_count() or 1):
            continue
        (jpeg,) = pictures.jpegs(1, *size)

        def once(data: bytes = jpeg) -> None:
            model.preprocess(engine.decode(data, Params()), params)

        rows.append({"picture": "x".join(map(str, size)), "threads": threads, "img/s": rate(once, 1, seconds, threads)})
    return rows


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--profiles", nargs="+", default=["gpu", "tensorrt"])
    parser.add_argument("--precisions", nargs="+", default=["float16", "float32"], choices=PRECISIONS)
    parser.add_argument("--graphs", type=int, nargs="+", default=[0, 1], choices=[0, 1], help="CUDA graphs off and on")
    parser.add_argument("--pixels", type=int, nargs="+", default=[1], choices=[0, 1], help="scaled on the GPU or not")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2], help="of the GPU, for each model")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--workers", type=int, nargs="*", default=[1, 2, 4], help="of the whole system; none: only the runs"
    )
    parser.add_argument("--concurrency", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        models = Path(name) / "models"
        write_all(models)
        whole = models / "bench-detector"
        halved = halve(whole, Path(name) / "halves")
        graphs = {"float32": whole / "weights.onnx", "float16": halved / "weights.onnx"}
        if "int8" in options.precisions:
            feeds = ({"images": picture} for picture in scenes(CALIBRATION, detector.SIZE))
            graphs["int8"] = static_int8(graphs["float32"], Path(name) / "int8.onnx", feeds, Options())
        rows: list[report.Row] = []
        for profile, precision, pixels, recorded, streams, batch, processes in product(
            options.profiles,
            options.precisions,
            options.pixels,
            options.graphs,
            options.streams,
            options.batches,
            options.processes,
        ):
            settings = {"cuda_graphs": bool(recorded), "gpu_preprocessing": bool(pixels), "gpu_streams": streams}
            settings |= {"engine_cache": str(Path(name) / "engines")}
            wanted = {"graph": str(graphs[precision]), "profile": profile, "settings": settings}
            wanted |= {"batch": batch, "seconds": options.seconds}
            how = {"profile": profile, "precision": precision, "scaled on GPU": str(bool(pixels))}
            how |= {"CUDA graphs": str(bool(recorded)), "streams": streams, "batch": batch}
            how |= {"processes": processes}
            rows.append(how | cell(wanted, processes))
            print(rows[-1], file=sys.stderr, flush=True)
        report.show(f"{card()}: the provider's loop and ours", rows, as_json=options.json)
        if options.workers:
            report.show("decode and prepare", decoding(models, options.seconds), as_json=options.json)
        what = Served(options.concurrency, math.ceil(options.seconds))
        over_http: list[report.Row] = []
        for workers in options.workers:
            over_http += served(halved.parent, Path(name), options.profiles[0], workers, what)
        if over_http:
            report.show("over HTTP, float16", over_http, as_json=options.json)


if __name__ == "__main__":
    main()
