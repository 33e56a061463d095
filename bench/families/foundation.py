"""The same for families of several graphs: python -m bench.families.foundation [FAMILY ...].

Their nets are the parity tests' small ones, so that inference says nothing; before it, pictures are made as large as
the usual nets want them, and after it, what is answered is as large as the picture. Medians of processor time.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.families.__main__ import milliseconds, network_time
from models.training.scenes import scene
from tests.unit.engine import examples
from worker_service.engine.engine import Engine
from worker_service.engine.family import registry
from worker_service.settings import EngineSettings

SIDES = {
    "clip": 224,
    "depth-anything": 518,
    "doctr": 1024,
    "florence-2": 768,
    "grounding-dino": 800,
    "l2cs": 448,
    "owlv2": 960,
    "paligemma": 448,
    "sam": 1024,
    "sam2": 1024,
    "trocr": 384,
    "yolo-world": 640,
    "yolov7-end2end": 640,
}
"""Inputs of the usual nets in pixels; other families are fed what their small net is."""
ASKED: dict[str, dict[str, Any]] = {
    "grounding-dino": {"texts": ["a red circle", "square"]},
    "owlv2": {"texts": ["a red circle", "square"]},
    "sam": {"prompts": [{"points": [{"x": 900, "y": 500}]}], "remember": False},
    "sam2": {"prompts": [{"points": [{"x": 900, "y": 500}]}], "remember": False},
    "yolo-world": {"texts": ["a red circle", "square"]},
}
RUNS = 15


def own(family: str, folder: Path, image: np.ndarray) -> tuple[float, float]:
    """Pre and post, in milliseconds."""
    kind = registry().get(family)
    if examples.EXAMPLES[family]().reads:  # a graph that tells pictures from texts, and no more; the kept net is CLIP
        shutil.copytree(examples.nets.FOLDER / family, folder / family)
        stated = json.loads((folder / family / "model.json").read_bytes())
        (folder / family / "model.json").write_text(json.dumps({**stated, "id": family}))
    else:
        examples.model(folder / family, family, kind.task)
    engine = Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1, model_scan_seconds=0))
    model: Any = engine.get(family)
    params = model.params(
        {**ASKED.get(family, {}), "max_new_tokens": 8} if kind.task in ("lmm", "ocr") else ASKED.get(family, {})
    )
    item = model.preprocess(image, params)
    (raw,) = model.infer([item])
    post = milliseconds(lambda: model.postprocess(raw, item, params).to_dict(), RUNS)
    if side := SIDES.get(family):
        spec = model.manifest.input.model_copy(update={"width": side, "height": side})
        model.manifest = model.manifest.model_copy(update={"input": spec})
        if hasattr(model, "side"):
            model.side = side
    return milliseconds(lambda: model.preprocess(image, params), RUNS), post


def main() -> None:
    cv2.setNumThreads(1)
    image = scene(np.random.default_rng([5, 1]), 1920, 1080, strength=0.5).image
    wanted = sys.argv[1:] or [name for name in registry().names() if examples.EXAMPLES[name]().net or name in SIDES]
    with tempfile.TemporaryDirectory() as name:
        infer = network_time(Path(name) / "nets", image)
        print(f"YOLOv8n-sized network {infer:.0f} ms, one core, 1080p")
        print(f"{'family':18}{'pre':>8}{'post':>8}{'share':>8}")
        for family in wanted:
            pre, post = own(family, Path(name) / "models", image)
            print(f"{family:18}{pre:8.1f}{post:8.1f}{(pre + post) / infer:8.1%}")


if __name__ == "__main__":
    main()
