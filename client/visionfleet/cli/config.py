"""``visionfleet config``: every setting, its value, and where it comes from."""

from __future__ import annotations

import json as json_text
import subprocess
from typing import Annotated, Any

import typer

from visionfleet import settings as client_settings
from visionfleet.cli import options
from visionfleet.cli.console import complain, out, row, say, table, write_json
from visionfleet.cli.exits import FAILED
from visionfleet.cli.up import command
from visionfleet.errors import BadAnswer


def config(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="Only settings that have one of these in the name.")
    ] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only settings that are not at their default.")] = False,
    json: options.Json = False,
) -> None:
    """Show every setting of the server on this machine: its value and whether env, .env or a default gave it.

    Secrets and credentials in URLs are not shown. Exit code 1 when a value is refused.
    """
    found = [one for one in settings() if wanted(one, words or [], changed=changed)]
    if json:
        write_json(found)
    else:
        show(found)
    problems = [one for one in found if one["problem"]]
    for one in problems:
        complain(one["problem"])
    if problems:
        raise typer.Exit(FAILED)


def settings() -> list[dict[str, Any]]:
    """What the server's code says about itself. Raises NotInstalled, BadAnswer."""
    done = subprocess.run(command("--config"), capture_output=True, text=True, check=False)  # noqa: S603 - our own
    try:
        found: list[dict[str, Any]] = json_text.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise BadAnswer(f"The server's settings cannot be read: {last}") from error
    return [*client_settings.shown(), *found]


def origin(setting: dict[str, Any]) -> str:
    """Where a value comes from, and under which name if not under its own."""
    other = setting.get("given_as") not in (None, "", setting["variable"])
    return f"{setting['source']} ({setting['given_as']})" if other else str(setting["source"])


def wanted(setting: dict[str, Any], words: list[str], *, changed: bool) -> bool:
    """Whether the setting is to be shown."""
    names = [setting["variable"], *setting.get("also", ())]
    named = not words or any(word.upper() in name for word in words for name in names)
    return named and not (changed and setting["source"] == "default")


def show(found: list[dict[str, Any]]) -> None:
    """A table per section."""
    if not found:
        say("no such setting, or none that was changed", "dim")
    for section in dict.fromkeys(one["section"] for one in found):
        settings = table(section, "variable", "value", "from")
        for one in found:
            if one["section"] == section:
                row(settings, one["variable"], one["value"] or "\N{EN DASH}", origin(one))
        out.print(settings)
