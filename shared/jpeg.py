"""The size of an ordinary JPEG, read from its markers: a tenth of what Pillow takes to tell it."""

from __future__ import annotations

SOI = b"\xff\xd8\xff"
FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended, progressive; the others are lossless, arithmetic or hierarchical."""
TABLES = frozenset({0xC4, 0xDB, 0xDD})
TEXTS = frozenset({0xE0, *range(0xE3, 0xF0), 0xFE})
"""JFIF's, comments and what applications write, but for APP1 and APP2: EXIF, further pictures, colour profiles."""
START_OF_SCAN = 0xDA


def plain_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG that nothing more need be known of, else None: that is for Pillow to look at.

    Plain is: grey or three components of 8 bits, one frame before the first scan, and no segment that may turn the
    picture or tell of others.
    """
    if not data.startswith(SOI):
        return None
    at, end, size = 2, len(data), None
    while at + 4 <= end and data[at] == 0xFF and data[at + 1] != START_OF_SCAN:
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        if marker in FRAMES and size is None:
            size = _frame(data[at + 4 : at + 2 + length])
        elif marker not in TABLES and marker not in TEXTS:
            return None
        if length < 2:
            return None
        at += 2 + length
    return size if at + 4 <= end and data[at] == 0xFF else None


def _frame(segment: bytes) -> tuple[int, int] | None:
    """Of 8 bits, a height that is told here, and one or three components."""
    if len(segment) < 6 or segment[0] != 8 or segment[5] not in {1, 3} or len(segment) != 6 + 3 * segment[5]:
        return None
    height, width = segment[1] << 8 | segment[2], segment[3] << 8 | segment[4]
    return (width, height) if width and height else None
