"""What is measured: definitions, and the script that does the same by hand. Each side runs these in its own process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from operator import truediv
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

ROOT = Path(__file__).resolve().parents[2]
SCENE = ROOT / "examples" / "images" / "scene.jpg"
DETECTOR, CLASSIFIER = "shapes-detector", "shapes-classifier"
PARAMS = {"confidence": 0.001, "iou_threshold": 0.95}
COUNTS = (1, 10, 50)

Run = Callable[[], Any]
Prepare = Callable[[dict[str, Any]], Callable[[Any], Any]]
"""From a definition to a function that runs it on an image and answers with values for JSON, one entry."""


def engine() -> Engine:
    """Our engine with both demo models, one thread per model run: more would spin while others wait."""
    made = Engine(
        EngineSettings(model_dirs=(ROOT / "models",), preload_models=(DETECTOR, CLASSIFIER), intra_op_threads=1)
    )
    made.preload()
    return made


def rows(side: str, models: Engine, prepare: Prepare, rounds: int) -> list[dict[str, Any]]:
    """One row per case: ``side`` beside the script."""
    image = cv2.imread(str(SCENE))
    with ThreadPoolExecutor(4) as pool:
        return [row(name, side, script, run, rounds) for name, script, run in cases(models, prepare, image, pool)]


def cases(models: Engine, prepare: Prepare, image: Any, pool: ThreadPoolExecutor) -> Iterator[tuple[str, Run, Run]]:
    """Name, script, workflow. Both are run once and must find the same things."""
    for count in COUNTS:
        run = prepare(detect_crop_classify(count))
        script = lambda count=count: by_hand(models, image, count)  # noqa: E731 - a name for the line below
        found, expected = run(image), script()
        assert len(expected["names"]) == count
        assert names(found["names"]) == names(expected["names"])
        yield f"{count} detection{'s' * (count > 1)}", script, lambda run=run: run(image)
    run = prepare(branches(4))
    assert [len(boxes["predictions"]) for boxes in run(image).values()] == [
        len(boxes["predictions"]) for boxes in side_by_side(models, image, pool, 4)
    ]
    yield "4 branches", lambda: side_by_side(models, image, pool, 4), lambda: run(image)


def names(answers: list[dict[str, Any]]) -> list[str]:
    """What each crop was classified as."""
    return [answer["top"] for answer in answers]


def detect_crop_classify(count: int) -> dict[str, Any]:
    """As many detections as told, each cut out and classified."""
    find = {"type": "ObjectDetectionModel", "name": "find", "image": "$inputs.image", "model_id": DETECTOR}
    steps = [
        {**find, "max_detections": count, **PARAMS},
        {"type": "Crop", "name": "crop", "image": "$inputs.image", "predictions": "$steps.find.predictions"},
        {"type": "ClassificationModel", "name": "name", "image": "$steps.crop.crops", "model_id": CLASSIFIER},
    ]
    return _definition(steps, found="$steps.find.predictions", names="$steps.name.predictions")


def branches(count: int) -> dict[str, Any]:
    """The same detector several times, none of which needs another."""
    steps = [
        {"type": "ObjectDetectionModel", "name": f"find{i}", "image": "$inputs.image", "model_id": DETECTOR}
        for i in range(count)
    ]
    return _definition(steps, **{step["name"]: f"$steps.{step['name']}.predictions" for step in steps})


def _definition(steps: list[dict[str, Any]], **outputs: str) -> dict[str, Any]:
    fields = [{"type": "JsonField", "name": name, "selector": selector} for name, selector in outputs.items()]
    inputs = [{"type": "WorkflowImage", "name": "image"}]
    return {"version": "1.0", "inputs": inputs, "steps": steps, "outputs": fields}


def by_hand(models: Engine, image: Any, count: int) -> dict[str, Any]:
    """What somebody would write without a workflow engine."""
    found = models.infer(DETECTOR, [image], {**PARAMS, "max_detections": count})[0].to_dict()
    crops = []
    for box in found["predictions"]:
        x0, y0 = round(box["x"] - box["width"] / 2), round(box["y"] - box["height"] / 2)
        x1, y1 = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)
        crops.append(np.ascontiguousarray(image[max(y0, 0) : y1, max(x0, 0) : x1]))
    answers = [answer.to_dict() for answer in models.infer(CLASSIFIER, crops)] if crops else []
    return {"found": found, "names": answers}


def side_by_side(models: Engine, image: Any, pool: ThreadPoolExecutor, count: int) -> list[Any]:
    return [answer[0].to_dict() for answer in pool.map(lambda _: models.infer(DETECTOR, [image]), range(count))]


def row(name: str, side: str, script: Run, workflow: Run, rounds: int) -> dict[str, Any]:
    """Medians of runs that take turns: time on the clock, and of the processor, which others do not lengthen.

    "x" is the median of what the turns say: both runs of a turn had the same machine.
    """
    spent: dict[str, list[float]] = {}
    for turn in range(rounds + 3):
        for which, work in (("script ", script), ("", workflow)):
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if turn >= 3:  # what is met for the first time does not count
                spent.setdefault(f"{which}cpu ms", []).append((time.process_time() - cpu) * 1000)
                spent.setdefault(f"{which}wall ms", []).append((time.perf_counter() - wall) * 1000)
    made: dict[str, Any] = {"case": name, "engine": side}
    for what in ("cpu", "wall"):
        by_script, by_engine = spent[f"script {what} ms"], spent[f"{what} ms"]
        made |= {f"script {what} ms": statistics.median(by_script), f"{what} ms": statistics.median(by_engine)}
        made[f"{what} x"] = statistics.median(map(truediv, by_engine, by_script))
    return made
