"""``visionfleet doctor``: what is in the way, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from visionfleet import settings
from visionfleet.cli import options
from visionfleet.cli.console import out, printable, write_json
from visionfleet.cli.exits import FAILED
from visionfleet.doctor import State, examine

MARKS = {State.OK: ("ok  ", "green"), State.WARN: ("warn", "yellow"), State.FAIL: ("fail", "bold red")}


def doctor(
    url: options.Url = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    json: options.Json = False,
) -> None:
    """Check this machine and the server; exit code 1 when something fails."""
    checks = examine(settings.load(), url)
    if json:
        write_json([asdict(check) for check in checks])
    else:
        for check in checks:
            mark, style = MARKS[check.state]
            line = Text.assemble((mark, style), f"  {check.name:<10}", printable(check.found))
            out.print(line)
            if check.advice:
                out.print(Text(f"                {printable(check.advice)}", style="dim"))
    bad = {State.FAIL, State.WARN} if strict else {State.FAIL}
    if any(check.state in bad for check in checks):
        raise typer.Exit(FAILED)
