"""Roboflow Inference: python roboflow.py FOLDER PORT WORKERS THREADS. Answers at /infer/object_detection and others.

The model lies in its cache as its servers' downloads would, so nothing is fetched. Its sessions take onnxruntime's own
number of threads (as many as there are cores); THREADS is not used.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

TYPES = {"object-detection": "yolov8n", "classification": "vit"}


def cached(folder: Path, cache: Path) -> None:
    """``NAME/1`` in its cache."""
    own = json.loads((folder / "model.json").read_text())
    made = cache / folder.name / "1"
    made.mkdir(parents=True)
    for name in ("weights.onnx", "best.onnx"):  # YOLO's classes ask for the first, ViT's for the second
        shutil.copy(folder / "weights.onnx", made / name)
    (made / "class_names.txt").write_text("\n".join(own["labels"]))
    (made / "model_type.json").write_text(
        json.dumps({"project_task_type": own["task"], "model_type": TYPES[own["task"]]})
    )
    size = {"width": own["input"]["width"], "height": own["input"]["height"]}
    how = "Fit (grey edges) in" if own["input"]["resize"] == "letterbox" else "Stretch to"
    resize = {"enabled": True, "format": how, **size}
    given = {"PREPROCESSING": {"auto-orient": {"enabled": False}, "resize": resize}, "MULTICLASS": False}
    given["CLASS_MAP"] = {str(i): label for i, label in enumerate(own["labels"])}
    (made / "environment.json").write_text(json.dumps(given))


def main() -> None:
    folder, port, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    cache = os.environ.get("MODEL_CACHE_DIR") or tempfile.mkdtemp()
    if "PEER_CACHED" not in os.environ:
        cached(folder, Path(cache))
    off = ("METRICS_ENABLED", "ACTIVE_LEARNING_ENABLED", "USE_INFERENCE_MODELS", "MODELS_CACHE_AUTH_ENABLED")
    off += ("CORE_MODELS_ENABLED", "NOTEBOOK_ENABLED", "ENABLE_BUILDER", "ENABLE_STREAM_API")
    os.environ |= {"PEER_CACHED": "1", "MODEL_CACHE_DIR": cache, **dict.fromkeys(off, "False")}
    os.environ |= {
        "TELEMETRY_OPT_OUT": "True",
        "OFFLINE_MODE": "True",
        "ONNXRUNTIME_EXECUTION_PROVIDERS": "[CPUExecutionProvider]",
    }
    import uvicorn

    Path("inference/landing/out/_next/static").mkdir(parents=True)  # its pages, which the package lacks
    Path("inference/landing/out/static").mkdir()
    served = "bench.peers.sides.roboflow:app"
    uvicorn.run(served, host="127.0.0.1", port=port, workers=workers, log_level="warning", factory=True)


def app() -> object:
    """Its HTTP interface with its own registry and cache of models."""
    from inference.core.interfaces.http.http_api import HttpInterface
    from inference.core.managers.base import ModelManager
    from inference.core.managers.decorators.fixed_size_cache import (
        WithFixedSizeCache,
    )
    from inference.core.registries.roboflow import RoboflowModelRegistry
    from inference.models.utils import ROBOFLOW_MODEL_TYPES

    manager = WithFixedSizeCache(ModelManager(RoboflowModelRegistry(ROBOFLOW_MODEL_TYPES)), max_size=8)
    return HttpInterface(manager).app


if __name__ == "__main__":
    main()
