"""The same model, pictures, client and cores: Visionfleet, its peers, and a bare onnxruntime loop as the limit.

All get from wrk, on this machine, the body that Roboflow's SDK sends (JSON, base64 JPEG), and answer with predictions.
Peers run the shortest honest serving code (bench/peers/sides) around bench/peers/network.py, in two layouts: 1x2 is one
process with two threads of the network, 2x1 two processes with one (mosec:2x1 among --peers means that one alone).
ours is a worker with the defaults; ours 1/2/1 and the like (--ours) are so many workers, runs at a time in each, and
threads of a run.

"of loop" is images per second divided by those of the loop, taken before each side; the loop decodes and runs batches
of two in one thread and has the machine to itself. A round lasts long enough for each connection to be answered twice,
and begins when the side has nothing left to do of what wrk did not wait for. "CPU ms" is processor time per answered
image of all processes of a side, without wrk's, until wrk ends. "MiB" is the memory of all of them after that load,
shared pages counted once. Every cell is told on standard error when it is there.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median

from bench import pictures, report, wrk
from bench.efficiency.loop import Loop
from bench.networks.repository import write_all
from bench.peers import plot
from bench.peers.environments import PEERS
from bench.peers.serving import Side, ours, theirs

NETWORKS = ("bench-detector", "bench-classifier")
PICTURES = {"640x480": (640, 480), "1920x1080": (1920, 1080)}
LAYOUTS = {"1x2": (1, 2), "2x1": (2, 1)}
COUNT = 8
WARM_CONNECTIONS = 4
LOOP_S = 1.5
REST_S = 30
"""How long a side may take to end what wrk left."""


def sides(names: Sequence[str], layouts: Sequence[str], divisions: Sequence[str] = ()) -> list[str]:
    """``ours``, also divided, and each peer in each layout. Roboflow's threads are not ours: one process, or two."""
    divided = [f"ours {division}" for division in divisions]
    theirs = [(*name.split(":"), *layouts)[: 2 if ":" in name else None] for name in names]
    return ["ours", *divided, *(f"{name} {layout}" for name, *each in theirs for layout in each)]


def peer(text: str) -> str:
    """An argument of ``--peers``: NAME or NAME:LAYOUT."""
    name, _, layout = text.partition(":")
    if name not in PEERS or layout not in {"", *LAYOUTS}:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(PEERS)}, with or without :{'|:'.join(LAYOUTS)}")
    return text


def start(side: str, models: Path, model: str, body: Path) -> AbstractContextManager[Side]:
    task = json.loads((models / model / "model.json").read_text())["task"]
    name, _, layout = side.partition(" ")
    if name == "ours":
        return ours(models, model, task, layout)
    return theirs(PEERS[name], models / model, task, LAYOUTS[layout], body)


def load(side: Side, bodies: list[Path], connections: int, seconds: int, options: argparse.Namespace) -> report.Row:
    """Figures of one side at one concurrency."""
    wrk.run(side.url, bodies, min(connections, WARM_CONNECTIONS), 1)
    time.sleep(options.pause)
    runs: list[wrk.Load] = []
    used = 0.0
    for _ in range(options.rounds):
        side.rest(REST_S)
        before = side.cpu()
        runs.append(wrk.run(side.url, bodies, connections, seconds))
        used += side.cpu() - before
    side.rest(REST_S)
    return {
        "img/s": median(run.rate for run in runs),
        "p50 ms": median(run.p50 for run in runs),
        "p99 ms": median(run.p99 for run in runs),
        "CPU ms": used * 1000 / sum(run.requests for run in runs),
        "MiB": side.memory(),
    }


def measure(models: Path, model: str, folder: Path, options: argparse.Namespace) -> list[report.Row]:
    """One network: every side, picture size and concurrency."""
    rows: list[report.Row] = []
    for side in sides(options.peers, options.layouts, options.ours):
        bodies = bodies_for(side, folder, model, options.pictures)
        with start(side, models, model, bodies[options.pictures[0]][0]) as running:
            for size in options.pictures:
                loop = Loop(models / model, 2, 2).with_decode(made(size), LOOP_S)
                for connections in options.concurrency:
                    seconds = max(options.seconds, math.ceil(2 * connections / loop))
                    known = {"network": model.removeprefix("bench-"), "pictures": size, "concurrency": connections}
                    figures = load(running, bodies[size], connections, seconds, options)
                    rows.append({**known, "side": side, "of loop": figures["img/s"] / loop, **figures})
                    print(told(rows[-1]), file=sys.stderr, flush=True)
    order = {size: place for place, size in enumerate(options.pictures)}
    return sorted(rows, key=lambda row: (order[row["pictures"]], row["concurrency"]))


def told(row: report.Row) -> str:
    """One cell as a line, with the time of day."""
    return f"{time.strftime('%H:%M:%S')} " + "  ".join(f"{name} {report.shown(value)}" for name, value in row.items())


def bodies_for(side: str, folder: Path, model: str, sizes: Sequence[str]) -> dict[str, list[Path]]:
    """Files of request bodies by size of the pictures, with the id by which that side knows the model."""
    peer = PEERS.get(side.split(maxsplit=1)[0])
    wanted = model + (peer.version if peer else "")
    return {size: pictures.bodies(folder / f"{model} {side} {size}", wanted, made(size)) for size in sizes}


def made(size: str) -> list[bytes]:
    return pictures.jpegs(COUNT, *PICTURES[size])


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--peers", nargs="*", type=peer, default=list(PEERS), metavar="NAME[:LAYOUT]")
    parser.add_argument("--layouts", nargs="+", default=list(LAYOUTS), choices=list(LAYOUTS))
    parser.add_argument("--ours", nargs="*", default=[], metavar="W/R/T", help="divisions of ours beside its own")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--pictures", nargs="+", default=list(PICTURES), choices=list(PICTURES))
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=int, default=4, help="of each round, at least")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="also draw the figures")
    options = parser.parse_args()
    rows: list[report.Row] = []
    with tempfile.TemporaryDirectory() as name:
        models = Path(name) / "models"
        write_all(models)
        for model in options.networks:
            rows += measure(models, model, Path(name), options)
    report.show("peers", rows, as_json=options.json)
    if options.plot:
        plot.draw(rows, options.plot)


if __name__ == "__main__":
    main()
