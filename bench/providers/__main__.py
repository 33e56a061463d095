"""Which execution provider is fastest on this machine's processor: default (MLAS) and OpenVINO, float and int8.

Packages of onnxruntime exclude each other, so each environment is named by its interpreter: ``--openvino PYTHON`` has
onnxruntime-openvino. The default provider runs in both, because their versions of onnxruntime differ. All sides
are open at the same time and take turns, ``--rounds`` times; figures are medians of the rounds.

latency     one run at a time with all threads
rate        as many runs at a time as there are threads, with one thread each (OpenVINO: so many streams)
difference  largest difference of the outputs to the first row of the same network, as a share of the largest output;
            between networks in float and in int8 it says nothing of accuracy (`visionfleet models quantize` does)

No wheel of onnxruntime with oneDNN exists for Linux on x86-64; a build of one's own is ``--other PYTHON PROVIDER``.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import report
from bench.networks.repository import pictures, write_all
from shared.cores import available_cpus
from worker_service.quantize.convert import Options, static_int8

SIDE = Path(__file__).with_name("side.py")
CPU, OPENVINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"
CALIBRATION = 16
TOLD = 20_000
"""Values of the outputs that are compared."""


@dataclass(frozen=True)
class Provider:
    """One way to run a graph."""

    name: str
    python: str
    provider: str
    options: dict[str, str] = field(default_factory=dict)
    streams: bool = False
    """Whether the provider itself runs several at once, with threads of its own."""


@dataclass
class Side:
    """A process that holds one session."""

    network: str
    mode: str
    provider: Provider
    process: subprocess.Popen[str]
    facts: dict[str, Any] = field(default_factory=dict)
    rounds: list[dict[str, float]] = field(default_factory=list)

    def say(self, line: str) -> dict[str, Any]:
        """Its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"error: {self.provider.name} on {self.network} ended; run it with --verbose to see why")
        told: dict[str, Any] = json.loads(answer)
        return told


def graphs(folder: Path, wanted: list[str]) -> dict[str, Path]:
    """The networks that are wanted, in float and quantised; all when none is named."""
    found: dict[str, Path] = {}
    for written in write_all(folder):
        name = written.folder.name.removeprefix("bench-")
        found[name] = written.folder / "weights.onnx"
        if wanted and f"{name} int8" not in wanted:
            continue
        found[f"{name} int8"] = written.folder / "int8.onnx"
        size = json.loads((written.folder / "model.json").read_text())["input"]["width"]
        feeds = ({"images": picture} for picture in pictures(CALIBRATION, size, first=100))
        static_int8(found[name], found[f"{name} int8"], feeds, Options())
    return {name: path for name, path in found.items() if not wanted or name in wanted}


def providers(options: Any, at_once: int) -> list[Provider]:
    """Those that the command line gives an environment for."""
    made = [Provider("default", sys.executable, CPU)]
    if options.openvino:
        made += [Provider("default, its onnxruntime", options.openvino, CPU)]
        made += [openvino(options.openvino, precision, at_once) for precision in options.precisions]
    made += [Provider(name, python, name) for python, name in options.other]
    return made


def openvino(python: str, precision: str, at_once: int) -> Provider:
    """OpenVINO with a hint of precision: what the processor cannot do, it leaves undone."""
    config = {"CPU": {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}}
    if at_once > 1:
        config = {"CPU": {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": str(at_once)}}
    own = {"device_type": "CPU", "load_config": json.dumps(config), "num_streams": str(at_once)}
    return Provider(f"OpenVINO {precision}", python, OPENVINO, own, streams=True)


def start(stack: ExitStack, network: str, graph: Path, mode: str, provider: Provider, cpus: int) -> Side:
    """Open a session in a process of its own."""
    at_once = 1 if mode == "latency" else cpus
    threads = cpus if mode == "latency" or provider.streams else 1
    own = {**provider.options, "num_of_threads": str(threads)} if provider.streams else provider.options
    wanted = {"graph": str(graph), "provider": provider.provider, "options": own, "threads": threads}
    process = subprocess.Popen(
        [provider.python, str(SIDE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=STDERR, text=True
    )
    stack.callback(process.kill)
    made = Side(network, mode, provider, process)
    made.facts = made.say(json.dumps({**wanted, "at_once": at_once, "seed": 1, "told": TOLD}))
    return made


def table(sides: list[Side]) -> list[report.Row]:
    rows: list[report.Row] = []
    for side in sides:
        peers = [one for one in sides if (one.network, one.mode) == (side.network, side.mode)]
        figures = {key: statistics.median(one[key] for one in side.rounds) for key in side.rounds[0]}
        base = statistics.median(one["images/s"] for one in peers[0].rounds)
        first, own = np.array(peers[0].facts["output"]), np.array(side.facts["output"])
        rows.append(
            {
                "network": side.network,
                "runs at once": side.mode,
                "provider": side.provider.name,
                "onnxruntime": side.facts["version"],
                **figures,
                "x": figures["images/s"] / base,
                "difference": float(np.abs(first - own).max() / np.abs(first).max()),
                "open s": side.facts["open s"],
            }
        )
    return rows


STDERR: int | None = subprocess.DEVNULL


def main() -> None:
    global STDERR  # noqa: PLW0603 - one switch of the command
    parser = report.parser(__doc__)
    parser.add_argument("--openvino", metavar="PYTHON", help="interpreter of an environment with onnxruntime-openvino")
    parser.add_argument("--other", nargs=2, metavar=("PYTHON", "PROVIDER"), action="append", default=[])
    parser.add_argument("--precisions", nargs="+", default=["f32", "bf16"], help="hints for OpenVINO")
    parser.add_argument("--seconds", type=float, default=3, help="of each side per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", nargs="+", default=[])
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    STDERR = None if options.verbose else subprocess.DEVNULL
    cpus = available_cpus()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        sides = [
            start(stack, network, graph, mode, provider, cpus)
            for network, graph in graphs(Path(name), options.networks).items()
            for mode in ("latency", "rate")
            for provider in providers(options, 1 if mode == "latency" else cpus)
        ]
        for side in sides:
            side.say("0.5")
        for _ in range(options.rounds):
            for side in sides:
                time.sleep(options.pause)
                side.rounds.append(side.say(str(options.seconds)))
    report.show("execution providers of the CPU", table(sides), as_json=options.json)


if __name__ == "__main__":
    main()
