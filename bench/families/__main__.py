"""Milliseconds of processor time per family: python -m bench.families [--reference PYTHON [--clones DIR] [--only ...]].

Decode is of a JPEG of 1080p; infer is that of the YOLOv8n-sized network of ``bench.networks`` on one thread, the same
for all, as the scale for the rest. PYTHON is the interpreter of the environment that ``script/parity`` builds.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.families import cases
from bench.families.replay import model_of
from bench.networks.repository import write_all
from models.training.scenes import scene
from shared.decode import decode
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

ROOT = Path(__file__).parents[2]
RUNS, MAX_PIXELS = 30, 50_000_000
MODES: dict[str, list[dict[str, Any]]] = {
    "instance-segmentation": [{"mask_decode_mode": mode} for mode in ("fast", "tradeoff", "accurate")]
}


def milliseconds(step: Callable[[], object], runs: int = RUNS) -> float:
    """Median processor time of a call."""
    spent = []
    for _ in range(runs):
        began = time.process_time()
        step()
        spent.append(time.process_time() - began)
    return 1000 * float(np.median(spent))


def network_time(folder: Path, image: np.ndarray) -> float:
    """One inference of the YOLOv8n-sized network on one thread."""
    write_all(folder)
    model = Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1)).get("bench-detector")
    prepared = model.preprocess(image, model.params({}))
    return milliseconds(lambda: model.infer([prepared]), 5)


def own_times(family: str, folder: Path, image: np.ndarray) -> list[tuple[str, float, float]]:
    """Name, pre and post of a family, once per way of decoding masks."""
    model = model_of(family, cases.make(family), folder)
    rows = []
    for mode in MODES.get(model.manifest.task, [{}]):
        params = model.params({"confidence": 0.4, "iou_threshold": 0.3, **mode})
        prepared = model.preprocess(image, params)
        (raw,) = model.infer([prepared])
        pre = milliseconds(lambda params=params: model.preprocess(image, params))  # type: ignore[misc]
        post = milliseconds(
            lambda raw=raw, item=prepared, params=params: model.postprocess(raw, item, params).to_dict()  # type: ignore[misc]
        )
        rows.append((f"{family} {mode.get('mask_decode_mode', '')}".strip(), pre, post))
    return rows


def reference_times(
    python: Path, clones: str, folder: Path, image: np.ndarray, wanted: list[str]
) -> dict[str, dict[str, float]]:
    """Figures of the reference implementations, measured in their own environment."""
    np.save(folder / "image.npy", image)
    environment = {**os.environ, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "PYTHONPATH": str(ROOT)}
    environment |= {"PARITY_CLONES": clones, "MPLBACKEND": "agg"}
    figures: dict[str, dict[str, float]] = {}
    for group in cases.COMPARED:
        families = [family for family in group if family in wanted]
        if not families:
            continue
        for family in families:
            np.savez(folder / f"{family}.npz", **cases.make(family).outputs)
        command = [str(python.absolute()), "-m", "bench.families.reference", str(folder), *families]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment, cwd=ROOT)
        figures |= json.loads(ran.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path, help="python of the parity environment")
    parser.add_argument("--clones", default="", help="folder with checkouts, as script/parity takes it")
    parser.add_argument("--only", nargs="+", default=list(cases.CASES), choices=list(cases.CASES), metavar="FAMILY")
    options = parser.parse_args()
    python: Path | None = options.reference
    cv2.setNumThreads(1)
    image = scene(np.random.default_rng([5, 1]), 1920, 1080, strength=0.5).image
    data = cv2.imencode(".jpg", image)[1].tobytes()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        theirs = reference_times(python, options.clones, folder, image, options.only) if python else {}
        infer = network_time(folder / "nets", image)
        print(f"decode {milliseconds(lambda: decode(data, MAX_PIXELS)):.1f} ms, infer {infer:.0f} ms, one core, 1080p")
        print(f"{'family':24}{'pre':>7}{'post':>7}{'share':>8}   {'their pre':>9}{'post':>8}{'times':>7}")
        for family in options.only:
            for label, pre, post in own_times(family, folder, image):
                line = f"{label:24}{pre:7.2f}{post:7.2f}{(pre + post) / infer:8.1%}"
                if family in theirs:
                    one = theirs[family]
                    ratio = (one["pre"] + one["post"]) / (pre + post)
                    line += f"   {one['pre']:9.2f}{one['post']:8.2f}{ratio:7.1f}"
                print(line)


if __name__ == "__main__":
    main()
