"""Pages of text, what is written on them, and where the real PP-OCR models are found."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "pages"
ANSWERS = FOLDER / "rapidocr.json"
LINES = ["Visionfleet reads text.", "Invoice No. 2026-1126", "Total: 1,234.56 EUR paid", "The quick brown fox jumps"]
PAGES = ("page.png", "tilted.png", "columns.png")
WORDED = ("page.png", "photo.jpg", "tall.jpg")
"""Pages for readers of upright words."""
EASY = ("page.png", "tilted.png", "columns.png", "photo.jpg", "tall.jpg")
"""Pages for readers of words that may be tilted."""


def models() -> Path:
    """RapidOCR's models, in the environment that script/sdk makes. Without them the test skips, in CI it fails."""
    import pytest  # here: the references' environment reads the rest of this file without it

    environment = Path(__file__).parents[2] / ".venv-sdk-ocr"
    folders = sorted(environment.glob("lib/python3*/site-packages/rapidocr/models"))
    if folders and (environment / "state").exists():
        return folders[0]
    reason = f"there is no {environment.name}; run: script/sdk"
    if os.environ.get("CI"):
        raise pytest.fail.Exception(reason)
    raise pytest.skip.Exception(reason)
