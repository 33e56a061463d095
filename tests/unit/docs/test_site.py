"""The documentation site: built strictly, with the pages that are made from the code, and nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared import errors

ROOT = Path(__file__).resolve().parents[3]
LOADED = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=["']?(https?:)?//""")
CANONICAL = re.compile(r"<link[^>]+rel=[\"']?(?:canonical|alternate|next|prev)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}", "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=55, check=False)
    assert built.returncode == 0, built.stderr + built.stdout
    return folder


def test_pages_made_from_the_code(site: Path) -> None:
    for page, words in {
        "reference/errors.html": [errors.QueueFull.code, "503"],
        "reference/routes.html": ["POST /infer/object_detection", "GET /v1/jobs"],
        "reference/cli.html": ["visionfleet bench", "--concurrency", "visionfleet models add"],
        "reference/families.html": ["yolov8-pose", "Hugging Face"],
        "settings.html": ["VISIONFLEET_PORT"],
    }.items():
        text = (site / page).read_text()
        assert [word for word in words if word not in text] == [], page


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert LOADED.findall(CANONICAL.sub("<x", page.read_text())) == [], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\((?!data:|[\"']?data:)[\"']?(https?:)?//", sheet.read_text()), sheet


def test_the_picture_and_the_search_index_are_there(site: Path) -> None:
    assert "<svg" in (site / "flow.svg").read_text()
    assert (site / "search" / "search_index.json").stat().st_size > 10_000
