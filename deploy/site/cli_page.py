"""The command line: from the help of each command."""

from __future__ import annotations

import re
from typing import Any

import click
import typer
from visionfleet.cli.app import app
from visionfleet.cli.exits import EPILOG

HEAD = """# Command line

`visionfleet COMMAND --help` says the same.

"""


def page() -> str:
    """The page: one section per command."""
    root = typer.main.get_command(app)
    return f"{HEAD}{EPILOG}\n\n" + "".join(sections(root, "visionfleet"))


def sections(command: Any, path: str) -> list[str]:
    """The command's own section, or those of the commands below it."""
    below = getattr(command, "commands", None)
    if below:
        return [text for name, child in below.items() if not child.hidden for text in sections(child, f"{path} {name}")]
    context = click.Context(command, info_name=path)
    usage = " ".join(piece for piece in command.collect_usage_pieces(context))
    rows = "".join(row(parameter, context) for parameter in command.params if not getattr(parameter, "hidden", False))
    table = f"\n| Option | What it does |\n|---|---|\n{rows}" if rows else ""
    return [f"## {path}\n\n{command.help or ''}\n\n```text\n{path} {usage}\n```\n{table}\n"]


def row(parameter: Any, context: Any) -> str:
    """One option or argument."""
    record = parameter.get_help_record(context)
    if record is None:
        name = parameter.make_metavar(context) if parameter.param_type_name == "argument" else parameter.name
        record = (name, getattr(parameter, "help", "") or "")
    name, words = (re.sub(r"\s+", " ", str(part)).replace("|", "\\|") for part in record)
    return f"| `{name}` | {words} |\n"
