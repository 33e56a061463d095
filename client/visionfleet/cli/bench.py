"""``visionfleet bench``: how much a server does, and how fast it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import httpx
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from visionfleet import Client, settings, wire
from visionfleet.cli import options
from visionfleet.cli.answers import counted
from visionfleet.cli.console import err, out, row, table, warn, write_json
from visionfleet.cli.exits import FAILED
from visionfleet.cli.pictures import collect
from visionfleet.errors import InvalidRequest
from visionfleet.images import load as load_image
from visionfleet.load import Figures, Load, run

MOST_IMAGES = 64
# Above this share of a core the generator itself may be what is slow.
BUSY = 0.8


def bench(  # noqa: PLR0913 - one parameter per option
    images: Annotated[list[str], typer.Argument(metavar="IMAGE|FOLDER...", help="Sent in turn.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Model id.")],
    *,
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", min=1, max=4096, help="Requests at a time.")] = 8,
    duration: Annotated[float, typer.Option("--duration", "-d", min=0.1, help="Seconds to measure.")] = 10.0,
    requests: Annotated[int, typer.Option("--requests", "-n", min=0, help="Measure so many requests instead.")] = 0,
    warm_up: Annotated[int, typer.Option(min=0, help="Requests before, which are not counted.")] = 5,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Lowest confidence reported.")] = None,
    url: options.Url = None,
    timeout: options.Timeout = 60.0,
    json: options.Json = False,
) -> None:
    """Send the same images again and again; print throughput, latencies and errors. Exit code 1 when any failed."""
    with Client(url, timeout=timeout) as client:
        client.infer(
            next(iter(collect(images))).image, model, confidence=confidence
        )  # says what is wrong before we measure
        task = next((one.task for one in client.models.list() if model in (one.id, *one.aliases)), "")
        address = client.url
    shots = [_request(address, task, model, image, {"confidence": confidence}) for image in _loaded(images)]
    load = Load(address, shots, concurrency, requests, duration, warm_up, timeout)
    figures = _measured(load)
    if json:
        write_json({"url": address, "model": model, "concurrency": concurrency, **figures.to_dict()})
    else:
        show(figures, f"{model} at {address}, {concurrency} at a time, {counted(len(shots), 'image')}")
    if figures.errors:
        raise typer.Exit(FAILED)


def show(figures: Figures, title: str) -> None:
    """The figures as a table."""
    lines = table(title, "", ">")
    row(lines, "answers", f"{len(figures.latencies)} in {figures.seconds:.1f} s")
    row(lines, "throughput", f"{figures.rate:.1f} images/s")
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)):
        latency = figures.percentile(share)
        row(lines, name, "\N{EN DASH}" if latency is None else f"{latency:.1f} ms")
    for code, count in figures.errors.most_common():
        row(lines, code, f"{count} errors")
    row(lines, "this client", f"{figures.cpu:.0%} of a core")
    out.print(lines)
    if figures.cpu > BUSY:
        warn("the generator itself is busy: run it on another machine, or several of it, to see more")


@dataclass
class _Bar:
    """Counts answers on the terminal, when there is one."""

    progress: Progress
    task: Any

    def advance(self) -> None:
        self.progress.advance(self.task)


def _measured(load: Load) -> Figures:
    columns = (TextColumn("measuring"), BarColumn(), TextColumn("{task.completed} answers"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal, refresh_per_second=4) as progress:
        bar = _Bar(progress, progress.add_task("measuring", total=load.count or None))
        return run(load, bar.advance)


def _loaded(arguments: list[str]) -> list[Any]:
    pictures = [picture for picture in collect(arguments) if picture.frame is None][:MOST_IMAGES]
    if not pictures:
        raise InvalidRequest("bench sends pictures; it takes no video and no camera.")
    return [load_image(picture.image) for picture in pictures]


def _request(address: str, task: str, model: str, image: Any, params: dict[str, Any]) -> httpx.Request:
    call = wire.infer_call(task, model, image, params)
    url = httpx.URL(address).copy_with(path=call.path)
    key = settings.load().api_key
    headers = {**call.headers, **({"Authorization": f"Bearer {key}"} if key else {})}
    return httpx.Request(call.method, url, json=call.json, headers=headers)
