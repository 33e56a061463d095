"""Decompression bombs: each is refused, or decoded to what its header says, by a process with little memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

REFUSED = {
    "png-text": "invalid_image",
    "png-international-text": "invalid_image",
    "png-profile": "invalid_image",
    "jpeg-scans": "invalid_image",
    "png-more-rows-than-it-says": "decoded (8, 8, 3)",
    "png-many-chunks": "decoded (8, 8, 3)",
    "tiff-frames": "decoded (1, 1, 3)",
}
TOO_LARGE = [
    "png-dimensions",
    "png-dimensions-overflow",
    "gif-canvas",
    "bmp-dimensions",
    "bmp-negative",
    "jpeg-dimensions",
    "tiff-dimensions",
    "webp-canvas",
]


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is limited as Linux does it")
def test_bombs() -> None:
    command = [sys.executable, "-m", "tests.unit.shared.bombs"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert found == {**REFUSED, **dict.fromkeys(TOO_LARGE, "image_too_large")}
