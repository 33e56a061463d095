"""What every benchmark prints: one table for people, or one JSON object with ``--json``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A command line with ``--json`` and ``--pause``."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", action="store_true", help="print one JSON object and no table")
    made.add_argument("--pause", type=float, default=0, help="seconds of rest before each measurement, for others")
    return made


def machine() -> dict[str, Any]:
    """Where and when the figures were taken. The load average says how busy others kept the machine."""
    return {
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load": [round(value, 1) for value in os.getloadavg()],
    }


def show(name: str, rows: Sequence[Row], *, as_json: bool, notes: Sequence[str] = ()) -> None:
    """Print the rows; their keys are the columns, in the order of the first row that has them."""
    facts = machine()
    if as_json:
        print(json.dumps({"benchmark": name, **facts, "notes": list(notes), "rows": [dict(row) for row in rows]}))
        return
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=f"{name}   {facts['at']}   {facts['cpus']} CPUs, load {facts['load'][0]}")
    for column in columns:
        table.add_column(column, justify="left" if isinstance(rows[0].get(column), str) else "right")
    for row in rows:
        table.add_row(*(shown(row.get(column)) for column in columns))
    console = Console(width=None if Console().is_terminal else 160)
    console.print(table)
    for note in notes:
        console.print(note, style="dim", highlight=False)


def shown(value: Any) -> str:
    """A figure with three significant digits, a word as it is."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.2f}"
    return str(value)


def quantile(sorted_values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of them lie."""
    return sorted_values[min(int(len(sorted_values) * share), len(sorted_values) - 1)]
