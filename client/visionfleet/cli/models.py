"""``visionfleet models``: what there is to ask for, and adding to it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from visionfleet import Client, VisionfleetError, native, settings, store
from visionfleet.cli import options
from visionfleet.cli.changes import Changes, read_labels
from visionfleet.cli.console import note, out, row, say, table, warn, write_json
from visionfleet.cli.exits import EPILOG
from visionfleet.cli.quantize import quantize
from visionfleet.errors import InvalidRequest, ModelLoadFailed

app = typer.Typer(help="Models: list, add, quantize, remove.", no_args_is_help=True)
app.command(epilog=EPILOG)(quantize)

Folder = Annotated[
    Path | None, typer.Option("--dir", metavar="DIR", help="Folder of models; <data>/models when not given.")
]


@app.command("list", epilog=EPILOG)
def list_models(
    folder: Folder = None,
    local: Annotated[bool, typer.Option("--local", help="List the folder instead of asking the server.")] = False,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """List the models that the server serves, or those in the folder."""
    if local or folder is not None:
        found = [{"id": model.id, **model.manifest, "path": str(model.path)} for model in store.listing(place(folder))]
        names = ("id", "task", "family", "path")
    else:
        with Client(url, timeout=10) as client:
            found = [vars(model) for model in client.models.list()]
        names = ("id", "task", "family", "available_on")
    if json:
        write_json(found)
        return
    if not found:
        say("no models", "yellow")
        return
    models = table("Models", "id", "task", "family", "classes", names[-1].replace("_", " "))
    for model in found:
        row(
            models, *(cell(model.get(name)) for name in names[:3]), cell(model.get("labels")), cell(model.get(names[3]))
        )
    out.print(models)


@app.command("add", epilog=EPILOG)
def add(  # noqa: PLR0913 - one parameter per option
    source: Annotated[
        str,
        typer.Argument(metavar="FILE|FOLDER|URL|ID", help="An .onnx file, a model's folder, a URL, or Roboflow's id."),
    ],
    *,
    model_id: Annotated[str | None, typer.Option("--id", help="Id; the file's name when not given.")] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="A,B,...|FILE", help="Class names: a list, or a file with one per line.")
    ] = None,
    family: Annotated[str | None, typer.Option(help="Model family, when it is not recognised.")] = None,
    task: Annotated[str | None, typer.Option(help="Task, when the family's own is not meant.")] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Input size, when the graph leaves it open.")] = None,
    resize: Annotated[str | None, typer.Option(help="letterbox, stretch or center-crop.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="How a classifier is fed when its export does not say: torchvision, timm or vit."),
    ] = None,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Default confidence threshold.")] = None,
    licence: Annotated[str | None, typer.Option(help="SPDX name of the weights' licence.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Digest that the file of a URL must have.")] = None,
    from_roboflow: Annotated[
        bool, typer.Option("--from-roboflow", help="SOURCE is an id of Roboflow's; ROBOFLOW_API_KEY must be set.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a model of the same id.")] = False,
    folder: Folder = None,
    json: options.Json = False,
) -> None:
    """Add a model: find out what it is, try it out, and store it where workers find it.

    Known are exports of Ultralytics, YOLOv5, v7, YOLO-NAS, RF-DETR, torchvision and timm (.onnx), Hugging Face folders,
    folders of Roboflow's cache, folders with model.json, and https, s3 and other URLs of .onnx files.
    """
    changes = Changes(read_labels(labels), task, size, resize, confidence, licence, preset)
    with tempfile.TemporaryDirectory(prefix="visionfleet-") as aside:
        if from_roboflow or is_elsewhere(source):
            proposal = native.fetch(source, Path(aside), checked(model_id), sha256, family)
        else:
            proposal = look_at(Path(source), checked(model_id), family, changes.labels or ())
        manifest, unsure = dict(proposal.manifest), list(proposal.unsure)
        manifest = changes.apply({**manifest, "id": model_id or manifest["id"]}, unsure)
        stored = store.add(place(folder), manifest, proposal.files, native.try_out, replace=force)
    if json:
        write_json({"id": manifest["id"], "path": str(stored), "manifest": manifest, "unsure": unsure})
        return
    note(f"recognised by {proposal.seen}")
    describe(manifest, stored, unsure)


def look_at(source: Path, model_id: str | None, family: str | None, labels: tuple[str, ...]) -> native.Proposal:
    """What a local file or folder is. Raises InvalidRequest when there is none."""
    if not source.exists():
        raise InvalidRequest(f"There is no file or folder {source}; --from-roboflow fetches a model of that id.")
    if model_id is None and source.is_file():
        model_id = store.check_id(source.stem)
    try:
        return native.inspect(source, model_id, family)
    except ModelLoadFailed:  # some graphs do not say how many classes they have
        if not labels:
            raise
        return native.inspect(source, model_id, family, labels)


def is_elsewhere(source: str) -> bool:
    """Whether it is a URL."""
    return "://" in source


def checked(model_id: str | None) -> str | None:
    """The id, when one is given. Raises InvalidModelId."""
    return None if model_id is None else store.check_id(model_id)


@app.command("remove", epilog=EPILOG)
def remove(
    model_id: Annotated[str, typer.Argument(metavar="ID")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    folder: Folder = None,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Delete a model from the folder, and have the server's workers let go of it."""
    home = place(folder)
    if not yes and any(model.id == model_id for model in store.listing(home)):
        typer.confirm(f"Delete {home / model_id}?", abort=True, err=True)
    removed = store.remove(home, model_id)
    told = tell(url, model_id)
    if json:
        write_json({"id": model_id, "path": str(removed), "server_told": told})
        return
    say(f"removed {removed}")
    if not told:
        note("no server was told; one that runs elsewhere keeps the model in memory until it looks again")


def place(folder: Path | None) -> Path:
    """The user's folder of models."""
    return folder or settings.load().data_dir / "models"


def tell(url: str | None, model_id: str) -> bool:
    """Have the server unload the model; False when it cannot be told."""
    try:
        with Client(url, timeout=5) as client:
            client.models.unload(model_id)
    except VisionfleetError:
        return False
    return True


def describe(manifest: dict[str, Any], stored: Path, unsure: list[str]) -> None:
    """What was found, and what should be checked."""
    shape = manifest["input"]
    facts = table(f"added {manifest['id']}", "", "")
    row(facts, "task", manifest["task"])
    row(facts, "family", manifest.get("family"))
    row(facts, "classes", cell(manifest.get("labels")))
    row(facts, "input", f"{shape['width']} x {shape['height']}, {shape.get('resize', 'letterbox')}")
    row(facts, "folder", stored)
    out.print(facts)
    for doubt in unsure:
        warn(doubt)
    if unsure:
        note(f"check these in {stored / store.MANIFEST}, or add again with --force and the options that settle them")


def cell(value: Any) -> str:
    """A value in a table: lists with commas, long ones shortened."""
    if isinstance(value, (list, tuple)):
        shown = ", ".join(str(item) for item in value[:6])
        return f"{shown}, ... ({len(value)})" if len(value) > 6 else shown
    return "" if value is None else str(value)
