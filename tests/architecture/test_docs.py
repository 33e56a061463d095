"""What the docs point at exists."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, tracked
from worker_service.engine.family import registry

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PAGES = [path for path in tracked() if path.suffix == ".md"]


# Made from the code when the site is built, see deploy/site/hook.py.
GENERATED = {ROOT / "docs" / "reference" / f"{name}.md" for name in ("cli", "errors", "families", "routes")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = {link: (page.parent / link).resolve() for link in LINK.findall(page.read_text())}
    assert [link for link, target in targets.items() if not target.exists() and target not in GENERATED] == []


def test_every_family_has_its_row_in_the_one_table() -> None:
    """What it reads, how to export it, parity, speed and licence: nothing left open, no family left out or made up."""
    lines = (ROOT / "docs" / "families.md").read_text(encoding="utf-8").splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("| family | task | reads |"))
    columns = [cell.strip() for cell in lines[head].strip("|").split(" | ")]
    assert {"export", "parity", "speed, %", "usual weights' licence"} <= set(columns)
    named: list[str] = []
    for line in takewhile(lambda each: each.startswith("|"), lines[head + 2 :]):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == len(columns), line
        assert all(cells), line
        named += re.findall(r"`([a-z0-9-]+)`", cells[0])
    assert sorted(named) == sorted(registry().names())
