"""One real inference over HTTP on a bundled picture, and how to do the same with curl."""

from __future__ import annotations

import base64
import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.local.errors import CannotStart
from deploy.local.http import NoAnswer, post_json
from deploy.local.settings import ROOT, LocalSettings

MODEL = "shapes-detector"
PICTURE = ROOT / "examples" / "images" / "scene.jpg"


def run(settings: LocalSettings, console: Console, key: str = "") -> None:
    """Detect, print the detections, write the annotated picture. Raises CannotStart when the system cannot do it.

    ``key`` is the launcher's own; whoever repeats the request where keys are asked for needs one of his own.
    """
    body = {
        "model_id": MODEL,
        "image": {"type": "base64", "value": base64.b64encode(PICTURE.read_bytes()).decode()},
        "visualize_predictions": True,
        "visualization_labels": True,
    }
    try:
        answer = post_json(f"{settings.url}/infer/object_detection", body, key=key)
    except NoAnswer as error:
        raise CannotStart(f"the first inference failed: {error}; see {settings.data_dir / 'logs'}") from error
    annotated = settings.data_dir / "first-inference.jpg"
    annotated.write_bytes(base64.b64decode(answer["visualization"]))
    console.print(_table(answer["predictions"]))
    console.print(f"picture     {_short(PICTURE)}  ->  {_short(annotated)}", soft_wrap=True, highlight=False)
    console.print(f"same again  {curl(settings)}", soft_wrap=True, highlight=False, markup=False)


def curl(settings: LocalSettings) -> str:
    """The shell line that sends the same picture to the same model."""
    body = f'{{"model_id":"{MODEL}","image":{{"type":"base64","value":"%s"}}}}'
    return (
        f"printf '{body}' \"$(base64 < {shlex.quote(_short(PICTURE))} | tr -d '\\n')\""
        f" | curl -s -H 'Content-Type: application/json' --data-binary @- {settings.url}/infer/object_detection"
    )


def _table(predictions: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{MODEL} sees {len(predictions)} objects in {PICTURE.name}", title_justify="left")
    table.add_column("class")
    for name in ("confidence", "x", "y", "width", "height"):
        table.add_column(name, justify="right")
    for found in predictions:
        numbers = (f"{found[name]:.0f}" for name in ("x", "y", "width", "height"))
        table.add_row(found["class"], f"{found['confidence']:.2f}", *numbers)
    return table


def _short(path: Path) -> str:
    """The path as one types it from where one stands."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
