"""``python -m deploy.audit ADVISORIES``: installed packages against known weaknesses, without a network.

ADVISORIES is a file of OSV records (ossf.github.io/osv-schema), one JSON object a line, as brought along from a machine
that may fetch them. Exits with 1 when an installed version is affected and the advisory is not withdrawn.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata  # noqa: TID251 - reads what is installed, imports nothing
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version


def installed() -> dict[str, str]:
    """Normalised name -> version."""
    return {normal(found.metadata["Name"]): found.version for found in metadata.distributions()}


def normal(name: str) -> str:
    """The name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def records(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The advisories that stand. Raises ValueError for what is no JSON object."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError(f"line {number} is no OSV record")
            if not record.get("withdrawn"):
                yield record


def affects(affected: Mapping[str, Any], version: str) -> bool:
    """Whether the version is among the listed ones, or in one of the ranges."""
    if version in affected.get("versions", ()):
        return True
    try:
        here = Version(version)
    except InvalidVersion:
        return False
    return any(_in_range(one.get("events", ()), here) for one in affected.get("ranges", ()) if one.get("type") != "GIT")


def findings(advisories: Iterable[Mapping[str, Any]], versions: Mapping[str, str]) -> Iterator[str]:
    """One line for each advisory that concerns an installed version."""
    for record in advisories:
        for affected in record.get("affected", ()):
            package = affected.get("package", {})
            name = normal(str(package.get("name", "")))
            if package.get("ecosystem") == "PyPI" and name in versions and affects(affected, versions[name]):
                yield f"{name} {versions[name]}: {record.get('id')} {record.get('summary', '')}".rstrip()


def _in_range(events: Iterable[Mapping[str, str]], here: Version) -> bool:
    inside = False
    for event in events:
        kind, text = next(iter(event.items()))
        bound = Version("0") if text == "0" else Version(text)
        if kind == "introduced" and here >= bound:
            inside = True
        elif (kind == "fixed" and here >= bound) or (kind == "last_affected" and here > bound):
            inside = False
    return inside


def main() -> int:
    """Print the findings."""
    with Path(sys.argv[1]).open() as lines:
        found = sorted(set(findings(records(lines), installed())))
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stderr.write(f"{len(installed())} packages, {len(found)} findings\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
