"""Colours as definitions write them: names, hex codes, ``rgb(...)`` and lists."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PIL import ImageColor

from shared.errors import InvalidRequest

_PURE = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "roboflow": (163, 81, 251)}
"""Names that do not mean what CSS says, or that it does not know; supervision's."""

_NUMBERS = re.compile(r"^(?:rgb|bgr)?\s*\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)$", re.IGNORECASE)


def rgb(color: str | Sequence[int]) -> tuple[int, int, int]:
    """Red, green and blue in 0..255, from a name, ``#rgb``, ``#rrggbb``, ``rgb(r, g, b)``, ``bgr(b, g, r)`` or a list.

    Names are those of CSS, but ``green`` is full green. Raises InvalidRequest.
    """
    try:
        values = _of_text(color.strip()) if isinstance(color, str) else tuple(int(part) for part in color)
    except (ValueError, TypeError):
        values = ()
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise InvalidRequest(f"{color!r} is no colour: give a name, #rrggbb, rgb(r, g, b) or three numbers to 255.")
    return values[0], values[1], values[2]


def bgr(color: str | Sequence[int]) -> tuple[int, int, int]:
    """The same in the order of pixels. Raises InvalidRequest."""
    red, green, blue = rgb(color)
    return blue, green, red


def _of_text(text: str) -> tuple[int, ...]:
    if numbers := _NUMBERS.match(text):
        values = tuple(int(part) for part in numbers.groups())
        return values[::-1] if text.lower().startswith("bgr") else values
    if text.lower() in _PURE:
        return _PURE[text.lower()]
    return tuple(ImageColor.getrgb(text.lower()))[:3]
