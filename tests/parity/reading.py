"""Pages of text, what is written on them, and where the real PP-OCR models are found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.launcher import ROOT

FOLDER = Path(__file__).parent / "pages"
ANSWERS = FOLDER / "rapidocr.json"
LINES = ["Visionfleet reads text.", "Invoice No. 2026-1126", "Total: 1,234.56 EUR paid", "The quick brown fox jumps"]
PAGES = ("page.png", "tilted.png", "columns.png")
WORDED = ("page.png", "photo.jpg", "tall.jpg")
"""Pages for readers of upright words."""


def models() -> Path:
    """RapidOCR's models, in the environment that script/sdk makes. Without them the test skips, in CI it fails."""
    environment = ROOT / ".venv-sdk-ocr"
    folders = sorted(environment.glob("lib/python3*/site-packages/rapidocr/models"))
    if folders and (environment / "state").exists():
        return folders[0]
    reason = f"there is no {environment.name}; run: script/sdk"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
