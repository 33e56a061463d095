"""Colours as definitions write them, and palettes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import supervision as sv
from PIL import ImageColor

BGR = tuple[int, int, int]

_TUPLE = re.compile(r"^(rgb|bgr)?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$", re.IGNORECASE)
_NAMES = ("WHITE", "BLACK", "GREY", "RED", "GREEN", "BLUE", "YELLOW", "ROBOFLOW")  # supervision's; GREEN is full green
_SPELLED_WITH_A_CAPITAL = ("Pastel1", "Pastel2", "Paired", "Accent", "Dark2", "Set1", "Set2", "Set3")


def parse(color: Any) -> sv.Color:
    """A colour from "#rrggbb", "#rgb", "(r, g, b)", "rgb(r, g, b)", "bgr(b, g, r)", a name, or three numbers r, g, b.

    Names are supervision's first, then those of CSS. Raises ValueError for anything else.
    """
    if isinstance(color, sv.Color):
        return color
    if isinstance(color, str):
        return _parse_text(color.strip())
    if isinstance(color, Sequence) and len(color) == 3 and all(isinstance(c, (int, float)) for c in color):
        return _of(color)
    raise ValueError(_unknown(color))


def _parse_text(text: str) -> sv.Color:
    if text.upper() in _NAMES:
        found: sv.Color = getattr(sv.Color, text.upper())
        return found
    if match := _TUPLE.match(text):
        numbers = [int(part) for part in match.groups()[1:]]
        return _of(numbers[::-1] if (match[1] or "").lower() == "bgr" else numbers)
    try:
        return _of(ImageColor.getrgb(text)[:3])
    except ValueError as error:
        raise ValueError(_unknown(text)) from error


def _of(rgb: Sequence[float]) -> sv.Color:
    if not all(0 <= part <= 255 for part in rgb):
        raise ValueError(f"parts of a colour lie between 0 and 255, not {tuple(rgb)}")
    return sv.Color(*(int(part) for part in rgb))


def _unknown(color: Any) -> str:
    return f"{color!r} is no colour: write #rrggbb, rgb(r, g, b), bgr(b, g, r), a name such as WHITE, or [r, g, b]"


def bgr(color: Any) -> BGR:
    """``parse`` in OpenCV's order."""
    return parse(color).as_bgr()


def palette(name: str, size: int = 10, custom: Sequence[str] = ()) -> sv.ColorPalette:
    """A palette by the name that definitions use: DEFAULT, ROBOFLOW, CUSTOM or "Matplotlib <name>".

    ``size`` counts for Matplotlib's, ``custom`` for CUSTOM. Raises ValueError for unknown ones, and for no colours.
    """
    if name == "CUSTOM":
        if not custom:
            raise ValueError("the CUSTOM palette needs custom_colors")
        return sv.ColorPalette([parse(color) for color in custom])
    if name in ("DEFAULT", "ROBOFLOW", "LEGACY"):
        found: sv.ColorPalette = getattr(sv.ColorPalette, name)
        return found
    short = name.removeprefix("Matplotlib ")
    try:
        return sv.ColorPalette.from_matplotlib(short if short in _SPELLED_WITH_A_CAPITAL else short.lower(), int(size))
    except ValueError as error:
        raise ValueError(f"there is no palette {name!r} of {size} colours") from error
