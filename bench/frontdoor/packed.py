"""What msgpack saves beside JSON with base64: the same pictures through the whole system in both.

``python -m bench.frontdoor.packed``. They take turns in every round; the figures are those of each side's best round.
The network averages 64 pixels, so that the worker's time is that of decoding the picture, on both sides. The second
table is what the API and our client do with the body alone, in one thread.
"""

from __future__ import annotations

import json
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import msgpack
import pybase64
from visionfleet.wire import infer_call

from api_service import body, packed
from api_service.schemas.infer import ClassificationRequest
from bench import pictures, report
from bench.frontdoor.keys import measure
from bench.networks.repository import write_noop
from bench.system import system

MODEL = "bench-noop"
ROUTE = "/infer/classification"
SIZES = ((8, 8), (640, 480), (1920, 1080))


def alone(image: bytes) -> list[report.Row]:
    """CPU ms that one body costs to read and to make, as JSON and as msgpack."""
    text = json.dumps({"model_id": MODEL, "image": {"type": "base64", "value": b64encode(image).decode()}}).encode()
    packed_text = msgpack.packb({"model_id": MODEL, "image": {"type": "bytes", "value": image}})

    def read_json() -> None:
        wanted = body.validate(text, ClassificationRequest)
        pybase64.b64decode(wanted.image.value, validate=True)

    def read_msgpack() -> None:
        body.check(packed.unpack(packed_text, 20_000), ClassificationRequest)

    def make_json() -> None:
        json.dumps(infer_call("classification", MODEL, image, {}).json).encode()

    def make_msgpack() -> None:
        infer_call("classification", MODEL, image, {}, packed=True)

    sides = {"JSON": (read_json, make_json), "msgpack": (read_msgpack, make_msgpack)}
    return [
        {"picture kB": len(image) / 1000, "side": side, "read, ms": cpu_ms(read), "make, ms": cpu_ms(make)}
        for side, (read, make) in sides.items()
    ]


def cpu_ms(call: Callable[[], None], turns: int = 200) -> float:
    """CPU time of one call: the least of five rounds."""
    taken = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(turns):
            call()
        taken.append((time.process_time() - begun) * 1000 / turns)
    return min(taken)


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=4, help="of each side per round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    best: list[report.Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_noop(folder / "models")
        with system(folder / "models", [MODEL]) as made:
            for width, height in SIZES:
                images = pictures.jpegs(4, width, height)
                sides = {
                    "JSON": pictures.bodies(folder / f"json-{width}", MODEL, images),
                    "msgpack": pictures.packed_bodies(folder / f"msgpack-{width}", MODEL, images),
                }
                rounds: dict[str, list[report.Row]] = {side: [] for side in sides}
                for turn in range(options.rounds + 1):
                    for side, bodies in sides.items():
                        time.sleep(options.pause)
                        how = (options.connections, options.seconds if turn else 1)
                        accept = ["Accept: application/msgpack"] if side == "msgpack" else []
                        taken = measure(made, made.url + ROUTE, bodies, accept, how)
                        rounds[side] += [taken] if turn else []
                for side, rows in rounds.items():
                    size = sum(path.stat().st_size for path in sides[side]) / len(sides[side])
                    row = max(rows, key=lambda row: row["requests/s"])
                    best.append({"picture": f"{width} x {height}", "side": side, "body kB": size / 1000, **row})
    report.show("front door: msgpack beside JSON", best, as_json=options.json)
    rows = [row for width, height in SIZES for row in alone(pictures.jpegs(1, width, height)[0])]
    report.show("the body alone", rows, as_json=options.json)


if __name__ == "__main__":
    main()
