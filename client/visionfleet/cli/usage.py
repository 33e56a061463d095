"""``visionfleet usage``: who used which model how much."""

from __future__ import annotations

import csv as csv_text
import sys
from dataclasses import asdict, fields
from typing import Annotated

import typer

from visionfleet import Client
from visionfleet.api.usage import GROUPS, Usage
from visionfleet.cli import options
from visionfleet.cli.console import out, row, say, table, write_json

NAMES = [field.name for field in fields(Usage)]


def usage(  # noqa: PLR0913 - the options of a command
    since: Annotated[str | None, typer.Option(help="First day, e.g. 2026-11-01, UTC; else 30 days back.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day, included; today if missing.")] = None,
    key: Annotated[str | None, typer.Option(help='Only of this key; "" is without a key.')] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model; @workflows for runs.")] = None,
    by: Annotated[str, typer.Option(help="What to sum up by: some of day, key, model, with commas.")] = "day,key,model",
    *,
    csv: Annotated[bool, typer.Option("--csv", help="CSV with a head, for spreadsheets.")] = False,
    url: options.Url = None,
    json: options.Json = False,
) -> None:
    """Show jobs, images and seconds of inference by day, API key and model.

    The server counts them for itself, in its own Redis. Needs a key with the scope admin where keys are asked for.
    """
    with Client(url) as client:
        found = client.usage(since, until, key=key, model=model, by=[name for name in by.split(",") if name])
    if json:
        write_json([asdict(one) for one in found])
    elif csv:
        writer = csv_text.DictWriter(sys.stdout, NAMES, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: cell(value) for name, value in asdict(one).items()} for one in found)
    else:
        show(found, [name for name in GROUPS if name in by.split(",")])


def cell(value: object) -> object:
    """What a spreadsheet would take for a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def show(found: list[Usage], by: list[str]) -> None:
    """A table."""
    if not found:
        say("nothing was used in that time", "dim")
        return
    lines = table("", *by, ">jobs", ">failed", ">images", ">infer s")
    for one in found:
        names = {"day": one.day or "", "key": one.name or one.key or "\N{EN DASH}", "model": one.model or ""}
        row(lines, *(names[name] for name in by), one.jobs, one.failed, one.images, f"{one.infer_s:.3f}")
    out.print(lines)
