"""``visionfleet infer``: images in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from visionfleet import Client, Result, VisionfleetError, get_model
from visionfleet.cli import options
from visionfleet.cli.answers import show_answer
from visionfleet.cli.console import complain, err, note, out, write_json
from visionfleet.cli.exits import FAILED
from visionfleet.cli.pictures import Picture, collect
from visionfleet.errors import InferenceFailed, InvalidImage, TooLarge

# Enough for the server to fill batches from one client; a job of the queue costs it far less than an image.
CONCURRENCY = 8

Runner: TypeAlias = Callable[[str], Result]
Outcome: TypeAlias = "Result | VisionfleetError"


def infer(  # noqa: PLR0913 - one parameter per option
    images: Annotated[list[str], typer.Argument(metavar="IMAGE|FOLDER...", help="Files, folders or https URLs.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Model id; 'visionfleet models list' shows them.")],
    *,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Lowest confidence reported.")] = None,
    iou: Annotated[float | None, typer.Option(min=0, max=1, help="Overlap above which the weaker box goes.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="Write annotated pictures here.")] = None,
    native: Annotated[bool, typer.Option("--native", help="Run in this process, without a server.")] = False,
    url: options.Url = None,
    timeout: options.Timeout = 60.0,
    json: Annotated[bool, typer.Option("--json", help="Write one JSON object per image and line.")] = False,
) -> None:
    """Run a model on images."""
    pictures = collect(images)
    params: dict[str, Any] = {"confidence": confidence, "iou_threshold": iou}
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        params["visualize"] = True
    if native:
        loaded = get_model(model)
        failed = report(pictures, run(lambda image: loaded.infer(image, **params), pictures, 1), save, json=json)
    else:
        with Client(url, timeout=timeout) as client:
            answers = run(lambda image: client.infer(image, model, **params), pictures, CONCURRENCY)
            failed = report(pictures, answers, save, json=json)
    if failed:
        if len(pictures) > 1:
            note(f"{failed} of {len(pictures)} images failed")
        raise typer.Exit(FAILED)


def run(runner: Runner, pictures: Sequence[Picture], concurrency: int) -> Generator[Outcome, None, None]:
    """Answers in the order of the pictures. An image's own error is its answer; any other ends everything."""

    def attempt(picture: Picture) -> Outcome:
        try:
            return runner(picture.source)
        except (InvalidImage, TooLarge, InferenceFailed) as error:
            return error

    pool = ThreadPoolExecutor(concurrency)
    try:
        # The first goes alone: an unknown model or a server that is down is said once, before any other is read.
        for picture in pictures[:1]:
            yield attempt(picture)
        yield from pool.map(attempt, pictures[1:])
    finally:
        pool.shutdown(cancel_futures=True)


def report(
    pictures: Sequence[Picture], outcomes: Generator[Outcome, None, None], save: Path | None, *, json: bool
) -> int:
    """Show answers as they come, and write their pictures; returns how many images failed."""
    failed = 0
    # The bar belongs to the console that scrolls; what is printed there moves it down, anything else would tear it.
    beside = out if out.is_terminal and err.is_terminal and not json else err
    bar = out if out.is_terminal else err
    quiet = len(pictures) == 1 or not bar.is_terminal or (json and out.is_terminal)
    progress = Progress(
        *(TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
        console=bar,
        disable=quiet,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with closing(outcomes), progress:
        for picture, outcome in zip(progress.track(pictures), outcomes, strict=True):
            show(picture, outcome, keep(outcome, save, picture), json=json, beside=beside)
            failed += isinstance(outcome, VisionfleetError)
    return failed


def keep(outcome: Outcome, save: Path | None, picture: Picture) -> Path | None:
    """Write the annotated picture where it belongs, when one was wanted and came."""
    if save is None or isinstance(outcome, VisionfleetError) or outcome.visualization is None:
        return None
    path = save / picture.place
    path.parent.mkdir(parents=True, exist_ok=True)
    return outcome.save(path)


def show(picture: Picture, outcome: Outcome, written: Path | None, *, json: bool, beside: Console) -> None:
    """One image's outcome: a table, or a line of JSON. Errors and remarks go to ``beside``."""
    if json:
        body = {"error": outcome.to_dict()} if isinstance(outcome, VisionfleetError) else outcome.to_dict()
        saved = {} if written is None else {"saved": str(written)}
        write_json({"source": picture.source, **body, **saved}, indent=None)
    elif isinstance(outcome, VisionfleetError):
        complain(f"{picture.source}: {outcome.message}", beside)
    else:
        show_answer(picture.source, outcome)
        if written is not None:
            note(f"written to {written}", beside)
