"""What the docs point at exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, tracked

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PAGES = [path for path in tracked() if path.suffix == ".md"]


# Made from the code when the site is built, see deploy/site/hook.py.
GENERATED = {ROOT / "docs" / "reference" / f"{name}.md" for name in ("cli", "errors", "families", "routes")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = {link: (page.parent / link).resolve() for link in LINK.findall(page.read_text())}
    assert [link for link, target in targets.items() if not target.exists() and target not in GENERATED] == []
