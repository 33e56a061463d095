"""``visionfleet dlq``: dead letters, the jobs that lost every worker that took them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from visionfleet import Client
from visionfleet.cli import options
from visionfleet.cli.console import out, row, say, size, table, write_json

app = typer.Typer(help="Dead letters: jobs that lost every worker.", no_args_is_help=True)

Letter = Annotated[str, typer.Argument(metavar="ID", help="Id of a dead letter, as 'dlq list' shows it.")]


@app.command("list")
def list_letters(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """List dead letters, newest first."""
    with Client(url) as client:
        found = list(client.dead_letters.list(limit))
    if json:
        write_json([asdict(letter) for letter in found])
        return
    if not found:
        say("there are no dead letters", "dim")
        return
    letters = table("Dead letters", "id", "job", "model", "hardware", "lane", ">attempts", ">bytes", "buried")
    for one in found:
        row(letters, one.id, one.job, one.model, one.hardware, one.lane, one.attempts, size(one.bytes), one.buried)
    out.print(letters)


@app.command("show")
def show(letter: Letter, url: options.Url = None) -> None:
    """Show what the job was, without its images, as JSON."""
    with Client(url) as client:
        write_json(client.dead_letters.get(letter))


@app.command("retry")
def retry(letter: Letter, url: options.Url = None) -> None:
    """Run a dead letter again, as a new job whose id is printed."""
    with Client(url) as client:
        say(client.dead_letters.retry(letter).id)


@app.command("purge")
def purge(
    letters: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="All when none is named.")] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: options.Url = None,
) -> None:
    """Throw dead letters away, with the images in them."""
    with Client(url) as client:
        for letter in letters or ():
            client.dead_letters.drop(letter)
        if letters:
            say(f"{len(letters)} purged")
            return
        if not yes:
            typer.confirm("Throw all dead letters away?", abort=True)
        say(f"{client.dead_letters.purge()} purged")
