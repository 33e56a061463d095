"""Detect, crop, classify on 1, 10 and 50 detections, and four detectors side by side: workflow engines beside a script.

Script and workflow use the same models in the same process and take turns, so that what else the machine does hits both
alike; Roboflow's engine (``--roboflow PYTHON`` of an environment that has it) does so in a process of its own.
"x" is an engine's time over its script's. Processor time tells more than the clock where others use the machine.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import report
from bench.workflows import cases
from shared.workflows.compiler import compile_workflow
from shared.workflows.services import Services
from shared.workflows.session import Session
from worker_service.workflows.local import LocalModels


def ours(rounds: int) -> list[dict[str, Any]]:
    models = cases.engine()
    services = Services(models=LocalModels(models))

    def prepare(definition: dict[str, Any]) -> Callable[[Any], Any]:
        session = Session(compile_workflow(definition), services)
        return lambda image: session.run({"image": image}, serialised=True).outputs[0]

    return cases.rows("visionfleet", models, prepare, rounds)


def roboflow(python: str, rounds: int) -> list[dict[str, Any]]:
    command = [python, str(Path(__file__).with_name("roboflow_side.py")), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    told = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not told:
        raise RuntimeError(f"Roboflow's side said nothing:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}")
    found: list[dict[str, Any]] = json.loads(told[0].removeprefix("RESULT "))
    return found


def main() -> None:
    made = report.parser(__doc__)
    made.add_argument("--rounds", type=int, default=40)
    made.add_argument("--roboflow", metavar="PYTHON", help="of an environment with Roboflow's inference")
    options = made.parse_args()
    rows = ours(options.rounds)
    if options.roboflow:
        rows += roboflow(options.roboflow, options.rounds)
    order = [row["case"] for row in rows]
    report.show("workflows", sorted(rows, key=lambda row: order.index(row["case"])), as_json=options.json)


if __name__ == "__main__":
    main()
