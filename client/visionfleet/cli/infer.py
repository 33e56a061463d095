"""``visionfleet infer``: images, folders, videos and cameras in, answers out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from visionfleet import Client, Result, VisionfleetError, get_model
from visionfleet.cli import options
from visionfleet.cli.answers import show_answer
from visionfleet.cli.asking import Asked, ask, check
from visionfleet.cli.console import complain, err, note, out, write_json
from visionfleet.cli.exits import FAILED
from visionfleet.cli.following import check_alone, follow
from visionfleet.cli.keeping import FRAMES_PER_SECOND, Keeper
from visionfleet.cli.pictures import Picture, collect
from visionfleet.cli.window import Window
from visionfleet.errors import InferenceFailed, InvalidImage, TooLarge

# Enough for the server to fill batches from one client; a job of the queue costs it far less than an image.
CONCURRENCY = 8

Outcome: TypeAlias = "Result | VisionfleetError"


def infer(  # noqa: PLR0913 - one parameter per option
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE|FOLDER|VIDEO|CAMERA...", help="Files, folders, https URLs, or a camera's number."
        ),
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="Model id; 'visionfleet models list' shows them.")],
    *,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Lowest confidence reported.")] = None,
    iou: Annotated[float | None, typer.Option(min=0, max=1, help="Overlap above which the weaker box goes.")] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            help="A question for models that write; what to find, with commas, for those that search; what to compare "
            "the image with, with commas, for those that embed."
        ),
    ] = None,
    point: Annotated[list[str] | None, typer.Option(metavar="X,Y", help="A point on the object to segment.")] = None,
    off: Annotated[list[str] | None, typer.Option(metavar="X,Y", help="A point off the object.")] = None,
    box: Annotated[
        list[str] | None, typer.Option(metavar="X0,Y0,X1,Y1", help="A box around an object to segment.")
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE:X0,Y0,X1,Y1[:NAME]", help="A box on an image, to find what looks like it."),
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Tokens of a written answer at most.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Show a written answer while it is written.")] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write annotated pictures, and videos as .mp4, here.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Show annotated pictures in a window: a key for the next, q to end.")
    ] = False,
    every: Annotated[int, typer.Option(min=1, help="Of videos and cameras, take every n-th frame.")] = 1,
    native: Annotated[bool, typer.Option("--native", help="Run in this process, without a server.")] = False,
    url: options.Url = None,
    timeout: options.Timeout = 60.0,
    json: Annotated[bool, typer.Option("--json", help="Write one JSON object per image and line.")] = False,
) -> None:
    """Run a model on images."""
    pictures = collect(images, every)
    params: dict[str, Any] = {"confidence": confidence, "iou_threshold": iou}
    params |= {"prompt": prompt, "max_new_tokens": max_tokens}
    if stream:
        check_alone(save=save, show=show, native=native)
        with Client(url, timeout=timeout) as client:
            raise typer.Exit(FAILED if follow(pictures, client, model, params, json=json) else 0)
    asked = Asked(point or (), off or (), box or (), like or (), prompt, confidence)
    check(asked, save=save, show=show, native=native)
    if (
        not native
        and (failed := ask(pictures, asked, model, lambda: Client(url, timeout=timeout), json=json)) is not None
    ):
        raise typer.Exit(FAILED if failed else 0)
    if save is not None or show:
        params["visualize"] = True
    with ExitStack() as stack:
        keeper = None if save is None else stack.enter_context(Keeper(save, FRAMES_PER_SECOND / every))
        window = Window() if show else None
        if window is not None:
            stack.callback(window.close)
        if native:
            loaded = get_model(model)
            outcomes = alone(pictures, lambda image: loaded.infer(image, **params))
        else:
            client = stack.enter_context(Client(url, timeout=timeout))
            outcomes = together(pictures, client, model, params)
        done, failed = report(outcomes, Reporter(pictures.total, keeper, window, json=json))
    if failed:
        if done > 1:
            note(f"{failed} of {done} images failed")
        raise typer.Exit(FAILED)


def together(
    pictures: Iterable[Picture], client: Client, model: str, params: dict[str, Any]
) -> Generator[tuple[Picture, Outcome], None, None]:
    """Pictures with their answers, in order, several at a time. What is wrong with all of them ends everything."""
    taken: deque[Picture] = deque()

    def images() -> Generator[Any, None, None]:
        for picture in pictures:
            taken.append(picture)
            yield picture.image

    predictions = client.map(images(), model, concurrency=CONCURRENCY, **params)
    with closing(predictions):  # type: ignore[type-var]  # it is a generator
        for prediction in predictions:
            yield taken.popleft(), prediction.error or prediction.unwrap()


def alone(pictures: Iterable[Picture], run: Callable[[Any], Result]) -> Generator[tuple[Picture, Outcome], None, None]:
    """The same one by one, in this process."""
    for picture in pictures:
        try:
            yield picture, run(picture.image)
        except (InvalidImage, TooLarge, InferenceFailed) as error:
            yield picture, error


class Reporter:
    """Shows answers as they come, below or beside a progress bar, and keeps their pictures."""

    def __init__(self, total: int | None, keeper: Keeper | None, window: Window | None, *, json: bool) -> None:
        self._keeper, self.window, self._json = keeper, window, json
        # The bar belongs to the console that scrolls; what is printed there moves it down, anything else would tear it.
        self._beside = out if out.is_terminal and err.is_terminal and not json else err
        bar = out if out.is_terminal else err
        quiet = total == 1 or not bar.is_terminal or (json and out.is_terminal)
        self.progress = Progress(
            *(TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
            console=bar,
            disable=quiet,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self.progress.add_task("images", total=total)

    def show(self, picture: Picture, outcome: Outcome) -> None:
        """One image's outcome; errors and remarks go to stderr."""
        written = None
        if isinstance(outcome, Result):
            written = None if self._keeper is None else self._keeper.keep(picture, outcome)
            if self.window is not None and outcome.visualization is not None:
                self.window.show(picture.source, outcome.visualization, still=picture.frame is None)
        present(picture, outcome, written, json=self._json, beside=self._beside)
        self.progress.advance(self._task)


def report(outcomes: Generator[tuple[Picture, Outcome], None, None], reporter: Reporter) -> tuple[int, int]:
    """Show all, until the window is closed; returns how many images there were and how many failed."""
    done = failed = 0
    with closing(outcomes), reporter.progress:
        for picture, outcome in outcomes:
            reporter.show(picture, outcome)
            done += 1
            failed += isinstance(outcome, VisionfleetError)
            if reporter.window is not None and reporter.window.closed:
                break
    return done, failed


def present(picture: Picture, outcome: Outcome, written: Path | None, *, json: bool, beside: Console) -> None:
    """One image's outcome: a table, or a line of JSON. Errors and remarks go to ``beside``."""
    if json:
        body = {"error": outcome.to_dict()} if isinstance(outcome, VisionfleetError) else outcome.to_plain()
        saved = {} if written is None else {"saved": str(written)}
        frame = {} if picture.frame is None else {"frame": picture.frame}
        write_json({"source": picture.source, **frame, **body, **saved}, indent=None)
    elif isinstance(outcome, VisionfleetError):
        complain(f"{picture.source}: {outcome.message}", beside)
    else:
        show_answer(picture.source, outcome)
        if written is not None and picture.frame is None:
            note(f"written to {written}", beside)
