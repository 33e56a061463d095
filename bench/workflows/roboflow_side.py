"""Roboflow's workflow engine on the same models, run by the Python of an environment that has ``inference``.

Its model blocks ask a model manager. That one is ours and asks our engine, so that what differs is the workflow engine
alone; its own models would come from Roboflow's servers.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.update(METRICS_ENABLED="False", TELEMETRY_OPT_OUT="True", DISABLE_VERSION_CHECK="True")

from inference.core.workflows.execution_engine.core import (  # type: ignore[import-not-found]
    ExecutionEngine,  # the environment must be set first
)

from bench.workflows import cases
from worker_service.engine.engine import Engine

KEPT = ("confidence", "iou_threshold", "max_detections")


class Models:
    """What its model blocks call, answered by our engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_model(self, model_id: str, api_key: str | None) -> None:
        """Models are loaded already."""

    def run_object_detection(self, model_id: str, images: list[dict[str, Any]], **given: Any) -> list[dict[str, Any]]:
        return self._infer(model_id, images, given)

    def run_classification(self, model_id: str, images: list[dict[str, Any]], **given: Any) -> list[dict[str, Any]]:
        return self._infer(model_id, images, given)

    def _infer(self, model_id: str, images: list[dict[str, Any]], given: dict[str, Any]) -> list[dict[str, Any]]:
        params = {name: given[name] for name in KEPT if given.get(name) is not None}
        return [answer.to_dict() for answer in self._engine.infer(model_id, [one["value"] for one in images], params)]


def main() -> None:
    models = cases.engine()
    init = {
        "workflows_core.model_manager": Models(models),
        "workflows_core.api_key": None,
        "workflows_core.background_tasks": None,
        "workflows_core.thread_pool_executor": None,
    }

    def prepare(definition: dict[str, Any]) -> Callable[[Any], Any]:
        engine = ExecutionEngine.init(workflow_definition=definition, init_parameters=init, max_concurrent_steps=4)
        return lambda image: engine.run(runtime_parameters={"image": image}, serialize_results=True)[0]

    rows = cases.rows("roboflow", models, prepare, int(sys.argv[1]))
    sys.stdout.write("RESULT " + json.dumps(rows) + "\n")
    sys.stdout.flush()
    os._exit(0)  # its threads may hang on


if __name__ == "__main__":
    main()
