"""Detect, crop, classify on 1, 10 and 50 detections, and four detectors side by side: our engine beside a script.

Both use the same models in the same process; runs take turns, so that what else the machine does hits both alike.
Where Roboflow's ``inference`` package is installed its engine is not run: it loads other models, so its figures would
tell about those.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from shared.workflows.compiler import compile_workflow
from shared.workflows.services import Services
from shared.workflows.session import Session
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings
from worker_service.workflows.local import LocalModels

ROOT = Path(__file__).parents[2]
SCENE = ROOT / "examples" / "images" / "scene.jpg"
DETECTOR, CLASSIFIER = "shapes-detector", "shapes-classifier"
PARAMS = {"confidence": 0.001, "iou_threshold": 0.95}


def definition(count: int) -> dict[str, Any]:
    steps = [
        {
            "type": "ObjectDetectionModel",
            "name": "find",
            "image": "$inputs.image",
            "model_id": DETECTOR,
            "max_detections": count,
            **PARAMS,
        },
        {"type": "Crop", "name": "crop", "image": "$inputs.image", "predictions": "$steps.find.predictions"},
        {"type": "ClassificationModel", "name": "name", "image": "$steps.crop.crops", "model_id": CLASSIFIER},
    ]
    return _definition(steps, found="$steps.find.predictions", names="$steps.name.predictions")


def branches(count: int) -> dict[str, Any]:
    steps = [
        {"type": "ObjectDetectionModel", "name": f"find{i}", "image": "$inputs.image", "model_id": DETECTOR}
        for i in range(count)
    ]
    return _definition(steps, **{step["name"]: f"$steps.{step['name']}.predictions" for step in steps})


def _definition(steps: list[dict[str, Any]], **outputs: str) -> dict[str, Any]:
    fields = [{"type": "JsonField", "name": name, "selector": selector} for name, selector in outputs.items()]
    inputs = [{"type": "WorkflowImage", "name": "image"}]
    return {"version": "1.0", "inputs": inputs, "steps": steps, "outputs": fields}


def by_hand(engine: Engine, image: Any, count: int) -> dict[str, Any]:
    """What somebody would write without a workflow engine."""
    found = engine.infer(DETECTOR, [image], {**PARAMS, "max_detections": count})[0].to_dict()
    crops = []
    for box in found["predictions"]:
        x0, y0 = round(box["x"] - box["width"] / 2), round(box["y"] - box["height"] / 2)
        x1, y1 = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)
        crops.append(np.ascontiguousarray(image[max(y0, 0) : y1, max(x0, 0) : x1]))
    names = [answer.to_dict() for answer in engine.infer(CLASSIFIER, crops)] if crops else []
    return {"found": found, "names": names}


def side_by_side(engine: Engine, image: Any, pool: ThreadPoolExecutor, count: int) -> list[Any]:
    return [answer[0].to_dict() for answer in pool.map(lambda _: engine.infer(DETECTOR, [image]), range(count))]


def compare(name: str, script: Callable[[], Any], workflow: Callable[[], Any], rounds: int) -> None:
    """Medians of runs that take turns: time on the clock, and of the processor, which others do not lengthen."""
    for work in (script, workflow):
        for _ in range(3):
            work()
    walls: dict[str, list[float]] = {"script": [], "workflow": []}
    cpus: dict[str, list[float]] = {"script": [], "workflow": []}
    for _ in range(rounds):
        for which, work in (("script", script), ("workflow", workflow)):
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            cpus[which].append((time.process_time() - cpu) * 1000)
            walls[which].append((time.perf_counter() - wall) * 1000)
    parts = [name.ljust(16)]
    for what, spent in (("wall", walls), ("cpu", cpus)):
        by_script, by_engine = statistics.median(spent["script"]), statistics.median(spent["workflow"])
        parts.append(
            f"{what}: script {by_script:7.1f} ms, workflow {by_engine:7.1f} ms, {by_engine / by_script - 1:+6.1%}"
        )
    print("   ".join(parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    engine = Engine(EngineSettings(model_dirs=(ROOT / "models",), preload_models=(DETECTOR, CLASSIFIER)))
    engine.preload()
    image = cv2.imread(str(SCENE))
    services = Services(models=LocalModels(engine))
    for count in (1, 10, 50):
        with Session(compile_workflow(definition(count)), services) as session:
            found = session.run({"image": image}).outputs[0]
            assert len(found["names"]) == len(by_hand(engine, image, count)["names"]) == count, len(found["names"])
            compare(
                f"{count} detections",
                lambda count=count: by_hand(engine, image, count),
                lambda session=session: session.run({"image": image}, serialised=True),
                rounds,
            )
    with ThreadPoolExecutor(4) as pool, Session(compile_workflow(branches(4)), services) as session:
        compare(
            "4 branches",
            lambda: side_by_side(engine, image, pool, 4),
            lambda: session.run({"image": image}, serialised=True),
            rounds,
        )


if __name__ == "__main__":
    main()
