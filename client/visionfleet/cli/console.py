"""What the commands write: tables for people on stdout, JSON for programs, one-line complaints on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def printable(value: object) -> str:
    """Text from elsewhere (labels, file names) without control characters, which could drive the terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(value))


def say(text: str, style: str = "") -> None:
    """One line for people, not interpreted as markup."""
    out.print(Text(printable(text), style=style))


def note(text: str, to: Console = err) -> None:
    """One line beside the results: on stderr, so that stdout stays clean for programs."""
    to.print(Text(printable(text), style="dim"))


def complain(text: str, to: Console = err) -> None:
    """What went wrong, on stderr."""
    to.print(Text.assemble(("error: ", "bold red"), printable(text)))


def warn(text: str) -> None:
    """What to look at, on stderr."""
    err.print(Text.assemble(("note: ", "bold yellow"), printable(text)))


def write_json(value: Any, indent: int | None = 2) -> None:
    """JSON on stdout."""
    json.dump(value, sys.stdout, indent=indent)  # ASCII: any locale can write it, and file names that are no text
    sys.stdout.write("\n")
    sys.stdout.flush()


def table(title: str, *columns: str) -> Table:
    """An empty table; a column whose name starts with ``>`` is aligned to the right."""
    made = Table(title=Text(printable(title)), title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    made.show_header = any(name.lstrip(">") for name in columns)
    for name in columns:
        made.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    return made


def row(target: Table, *cells: object) -> None:
    """Add a row of cells, none of them interpreted as markup; None is an empty cell."""
    target.add_row(*(Text("" if cell is None else printable(cell)) for cell in cells))


def size(count: float) -> str:
    """Bytes for people: 1.5 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
