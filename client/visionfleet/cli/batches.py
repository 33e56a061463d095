"""``visionfleet batches``: thousands of images behind one request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from visionfleet import Batch, Client
from visionfleet.cli import gathering, options
from visionfleet.cli.console import complain, note, out, row, say, table, write_json
from visionfleet.cli.exits import EPILOG, FAILED
from visionfleet.cli.workflows import chosen, parsed
from visionfleet.errors import InvalidRequest
from visionfleet.sources import is_url, is_video

app = typer.Typer(help="Batches: thousands of images behind one request.", no_args_is_help=True)

BatchId = Annotated[str, typer.Argument(metavar="ID")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write results here, one JSON object per line.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Wait for the end, with a progress bar.")]


@app.command("submit", epilog=EPILOG)
def submit(  # noqa: PLR0913 - one parameter per option
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE|FOLDER|ZIP|VIDEO|URL...", help="Images and folders; or one zip, or one video."),
    ] = None,
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="Model id.")] = "",
    workflow: Annotated[
        str | None,
        typer.Option("--workflow", "-w", metavar="FILE|ID", help="Instead of a model: a definition or a saved one."),
    ] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="Of the workflow: NAME=VALUE; JSON or text.")
    ] = None,
    image_input: Annotated[str | None, typer.Option(help="The workflow's input that takes the images.")] = None,
    disable_sinks: Annotated[
        bool, typer.Option("--disable-sinks", help="Let the workflow's sinks do nothing.")
    ] = False,
    urls: Annotated[
        Path | None, typer.Option("--urls", metavar="FILE", help="A text file with an image URL per line; - is stdin.")
    ] = None,
    server_folder: Annotated[
        str | None, typer.Option(help="A folder that the server may read (VISIONFLEET_BATCH_FOLDERS).")
    ] = None,
    server_video: Annotated[str | None, typer.Option(help="A video file that the server may read.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Of a video, take every n-th frame.")] = 1,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Lowest confidence reported.")] = None,
    hardware: Annotated[str, typer.Option(help="Worker pool: cpu, gpu, jetson or any.")] = "any",
    keep: Annotated[float | None, typer.Option(min=60, help="Seconds to keep the results after the end.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option("--metadata", metavar="NAME=VALUE", help="Yours; given back unchanged.")
    ] = None,
    follow: Follow = False,
    results: Out = None,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Hand in a batch and print its id; with --follow or --out also wait for its end."""
    source = source_of(sources or [], urls, server_folder, server_video)
    terms: dict[str, Any] = {
        "every": every,
        "hardware": hardware,
        "result_ttl": keep,
        "metadata": pairs(metadata or []),
        "inputs": dict(parsed(given) for given in parameter or []),
        "image_input": image_input,
        "disable_sinks": disable_sinks,
    }
    if workflow is not None:
        terms["workflow"] = chosen(workflow)
    with Client(url) as client:
        batch = client.batches.create(model, **source, **terms, confidence=confidence)
        if follow or results is not None:
            note(f"batch {batch.id}")
            batch = gathering.follow(client, batch.id, results)
        show(batch, json=json)


@app.command("status", epilog=EPILOG)
def status(batch_id: BatchId, follow: Follow = False, url: options.Url = None, json: options.Json = False) -> None:
    """Show how far a batch is; exit code 1 when it, or an image of it, failed."""
    with Client(url) as client:
        show(gathering.follow(client, batch_id, None) if follow else client.batches.get(batch_id), json=json)


@app.command("results", epilog=EPILOG)
def results(
    batch_id: BatchId,
    *,
    to: Out = None,
    after: Annotated[int, typer.Option(min=0, help="Leave out the first so many.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the file of --out ends.")] = False,
    follow: Follow = False,
    url: options.Url = None,
) -> None:
    """Write the results so far, one JSON object per line and image; with --follow up to the batch's end."""
    if resume and to is None:
        raise InvalidRequest("--resume goes on with a file: name it with --out.")
    with Client(url) as client:
        count = gathering.write(client, batch_id, to, after=after, follow=follow, resume=resume)
    if to is not None:
        note(f"{count} results written to {to}")


@app.command("cancel", epilog=EPILOG)
def cancel(
    batch_ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """End batches: what waits never runs, results so far stay."""
    with Client(url) as client:
        canceled = [client.batches.cancel(batch_id) for batch_id in batch_ids]
    if json:
        write_json([batch.raw for batch in canceled])
    else:
        for batch in canceled:
            say(f"{batch.id} {batch.state}")


@app.command("list", epilog=EPILOG)
def list_batches(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """List batches, newest first."""
    with Client(url) as client:
        found = list(client.batches.list(limit))
    if json:
        write_json([batch.raw for batch in found])
        return
    batches = table("Batches", "id", "state", "model", "source", "created", ">done", ">total", ">failed")
    batches.columns[0].no_wrap = True  # to be copied
    for batch in found:
        created = str(batch.raw.get("created") or "")[:19]
        row(batches, batch.id, batch.state, batch.model, batch.raw.get("source"), created, *counts(batch))
    out.print(batches)


def source_of(
    sources: Sequence[str], urls: Path | None, server_folder: str | None, server_video: str | None
) -> dict[str, Any]:
    """The one source that a command line names, as ``Client.batches.create`` takes it. Raises InvalidRequest."""
    named = {"urls": urls, "server_folder": server_folder, "server_video": server_video}
    elsewhere = {name: value for name, value in named.items() if value is not None}
    if len(elsewhere) + bool(sources) != 1:
        raise InvalidRequest("Give images, a folder, a zip or a video; or one of --urls and --server-folder|-video.")
    if urls is not None:
        return {"urls": gathering.urls_in(urls)}
    if elsewhere:
        return elsewhere
    if all(map(is_url, sources)):
        return {"urls": list(sources)}
    if len(sources) == 1 and sources[0].lower().endswith(".zip"):
        return {"zip": sources[0]}
    if len(sources) == 1 and is_video(sources[0]):
        return {"video": sources[0]}
    return {"files": gathering.files_of(sources)}


def pairs(given: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` as a dictionary. Raises InvalidRequest."""
    found = [text.partition("=") for text in given]
    if not all(name and sign for name, sign, _ in found):
        raise InvalidRequest("--metadata is NAME=VALUE.")
    return {name: value for name, _, value in found}


def show(batch: Batch, *, json: bool) -> None:
    """Print a batch. Raises typer.Exit when it, or one of its images, failed."""
    if json:
        write_json(batch.raw)
    else:
        facts = table(f"Batch {batch.id}", "", "")
        done, total, failed = counts(batch)
        row(facts, "state", batch.state)
        row(facts, "model", batch.model)
        row(facts, "images", f"{done} of {total or 'an unknown number'} done, {failed} failed")
        row(facts, "rate", f"{batch.rate:.1f} images/s")
        if batch.eta is not None and not batch.ended:
            row(facts, "left", f"about {batch.eta:.0f} s")
        out.print(facts)
        if batch.error is not None:
            complain(f"{batch.error.message} ({batch.error.code})")
        if not batch.ended:
            say(f"not done yet; visionfleet batches status {batch.id} --follow", "dim")
    if batch.failed or batch.state in {"failed", "canceled"}:
        raise typer.Exit(FAILED)


def counts(batch: Batch) -> tuple[int, int | None, int]:
    """Images done, in all, and failed."""
    return batch.done, batch.total, batch.failed
