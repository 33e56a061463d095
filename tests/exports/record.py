"""``python -m tests.exports.record FOLDER``: ``visionfleet models add`` on each export; what it saw and said is kept.

Those whose graphs are not in the folder stay as they are. The golden has each graph's inputs, outputs and metadata, and
the manifest that was proposed: no weights, no graph.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from typer.testing import CliRunner
from visionfleet.cli.app import app

from tests.parity.drawing import LABELS
from worker_service.engine.runtime.session import read_signature

GOLDEN = Path(__file__).parents[1] / "golden" / "exports.json"
# Differs from run to run, or says nothing about the model.
LEFT_OUT = frozenset({"args", "author", "date", "description", "docs", "license", "version"})
SAY_NOTHING = ("yolo-nas-batch", "yolo-nas-flat")
"""Exports that do not even tell how many classes there are: without ``--labels`` they are refused, saying so."""
KEPT = ("task", "family", "labels", "input", "activation", "keypoints", "skeleton")


def record(graph: Path, models: str) -> dict[str, Any]:
    """What the graph looks like, and what was made of it."""
    said = ["--labels", ",".join(LABELS)] if graph.stem in SAY_NOTHING else []
    ran = CliRunner().invoke(app, ["models", "add", str(graph), "--dir", models, "--json", *said])
    assert ran.exit_code == 0, ran.output
    added, signature = json.loads(ran.stdout), read_signature(graph)
    manifest = {name: added["manifest"][name] for name in KEPT if added["manifest"].get(name) not in (None, [], ())}
    seen = {name: [asdict(tensor) for tensor in getattr(signature, name)] for name in ("inputs", "outputs")}
    metadata = {name: text for name, text in sorted(signature.metadata.items()) if name not in LEFT_OUT}
    return {**seen, "metadata": metadata, "manifest": manifest, "unsure": added["unsure"]}


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as models:
        found = json.loads(GOLDEN.read_text()) | {
            one.stem: record(one, models) for one in sorted(folder.glob("*.onnx"))
        }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in sorted(found.items()))
    GOLDEN.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
