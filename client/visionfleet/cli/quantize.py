"""``visionfleet models quantize``: a model in int8, and what that costs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from visionfleet import native, store
from visionfleet.cli import options
from visionfleet.cli.console import note, out, row, table, write_json
from visionfleet.errors import InvalidRequest


def quantize(  # noqa: PLR0913 - one parameter per option
    model_id: Annotated[str, typer.Argument(metavar="ID")],
    images: Annotated[Path, typer.Option(metavar="DIR", help="Pictures to calibrate on, like those to come.")],
    *,
    labelled: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Labelled pictures to compare on: a folder per class, COCO or YOLO."),
    ] = None,
    new_id: Annotated[str | None, typer.Option("--id", help="Id of the result; ID-int8 when not given.")] = None,
    calibration: Annotated[int, typer.Option(min=1, help="Pictures to calibrate on, at most.")] = 200,
    method: Annotated[str, typer.Option(help="minmax, entropy or percentile.")] = "minmax",
    per_channel: Annotated[bool, typer.Option(help="One scale per channel of the weights.")] = True,
    reduce_range: Annotated[
        bool | None,
        typer.Option(
            "--reduce-range/--full-range",
            help="Weights of seven bits, for x86-64 without VNNI; by default where this processor needs it.",
        ),
    ] = None,
    operators: Annotated[str, typer.Option(metavar="A,B,...", help="What is quantised.")] = "Conv,MatMul,Gemm",
    exclude: Annotated[str, typer.Option(metavar="A,B,...", help="Nodes of the graph that stay float.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a model of the same id.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Folder of models; <data>/models when not given.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Make an int8 copy of a model, calibrated on pictures, and say what it costs in accuracy and gains in time.

    The model may be any that this machine serves (VISIONFLEET_MODEL_DIRS). The copy is added beside it, under an id of
    its own; nothing changes for those who use the old one.
    """
    if not images.is_dir():
        raise InvalidRequest(f"There is no folder {images}.")
    wanted = store.check_id(new_id or f"{model_id}-int8")
    chosen = {"calibration": calibration, "method": method, "per_channel": per_channel, "reduce_range": reduce_range}
    chosen |= {"operators": tuple(_words(operators)), "exclude": tuple(_words(exclude))}
    from visionfleet.cli.models import place  # noqa: PLC0415 - it registers this command

    home = place(folder)
    with tempfile.TemporaryDirectory(prefix="visionfleet-") as aside:
        made = native.quantized(model_id, wanted, images, Path(aside), chosen)
        note(f"calibrated on {made.calibrated_on} pictures")
        stored = store.add(home, made.manifest, made.files, native.try_out, replace=force)
    figures = native.quantized_against(model_id, home, wanted, images, labelled, note)
    if json:
        write_json({"id": wanted, "path": str(stored), "calibrated_on": made.calibrated_on, **figures})
        return
    show(model_id, wanted, figures)
    note(f"stored in {stored}")


def show(model_id: str, wanted: str, figures: dict[str, Any]) -> None:
    """Both models side by side."""
    shown = table("Quantised", "", model_id, wanted, "")
    before, after = figures["bytes"]
    row(shown, "graph, MB", f"{before / 1e6:.2f}", f"{after / 1e6:.2f}", f"{after / before:.2f} x")
    before, after = figures["milliseconds"]
    row(shown, "run, ms", f"{before:.2f}", f"{after:.2f}", f"{before / after:.2f} x as fast")
    if figures["scores"] is not None:
        before, after = figures["scores"]
        row(shown, figures["metric"], f"{before:.4f}", f"{after:.4f}", f"{after - before:+.4f}")
    out.print(shown)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
