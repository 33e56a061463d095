"""Lines of text on a plate."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.errors import InvalidRequest
from shared.workflows.images import Pixels

FONT = cv2.FONT_HERSHEY_SIMPLEX
SPACING = 0.25  # of a line's height, between lines

_SHARES = {"left": 0.0, "top": 0.0, "center": 0.5, "right": 1.0, "bottom": 1.0}
BGR = tuple[int, int, int]


@dataclass(frozen=True)
class TextBox:
    """Text that was measured, in pixels.

    Attributes:
        lines: what is written.
        widths: of each line.
        ascent: from a line's top to its base.
        advance: from one line's top to the next one's.
        width: of the plate, with padding.
        height: likewise.
        padding: around the text.
        scale: OpenCV's font scale.
        thickness: of the strokes.
    """

    lines: list[str]
    widths: list[int]
    ascent: int
    advance: int
    width: int
    height: int
    padding: int
    scale: float
    thickness: int

    @classmethod
    def of(cls, lines: list[str], scale: float, thickness: int, padding: int) -> TextBox:
        """Measure lines. Raises InvalidRequest."""
        if scale <= 0 or thickness < 1 or padding < 0:
            raise InvalidRequest("font_scale must be above 0, font_thickness at least 1, padding at least 0.")
        (_, ascent), base = cv2.getTextSize("Ag", FONT, scale, thickness)
        line = ascent + base
        advance = line + max(1, round(SPACING * line))
        widths = [cv2.getTextSize(text, FONT, scale, thickness)[0][0] if text.strip() else 0 for text in lines]
        height = advance * (len(lines) - 1) + line + 2 * padding
        width = max(widths) + 2 * padding
        return cls(lines, widths, ascent, advance, width, height, padding, scale, thickness)


def anchored(anchor: str, offset: tuple[int, int], box: tuple[int, int], image: tuple[int, int]) -> tuple[int, int]:
    """Upper left corner of a box whose anchor lies on the image's, shifted. Raises InvalidRequest."""
    parts = anchor.lower().split("_")
    if not all(part in _SHARES for part in parts) or len(parts) > 2:
        raise InvalidRequest(f"anchor {anchor!r} is none; top_left and center are.")
    vertical, horizontal = parts[0], parts[-1]
    x, y = (
        round(_SHARES[part] * whole) - round(_SHARES[part] * side) + by
        for part, whole, side, by in zip((horizontal, vertical), image, box, offset, strict=True)
    )
    return x, y


@dataclass(frozen=True)
class Look:
    """Colours in BGR; ``plate`` is None for none, its ``radius`` in pixels."""

    align: str
    color: BGR
    plate: BGR | None
    opacity: float
    radius: int


def draw(canvas: Pixels, box: TextBox, corner: tuple[int, int], look: Look) -> None:
    """Draw the text with its plate, moved to lie inside the canvas."""
    height, width = canvas.shape[:2]
    x = max(0, min(corner[0], width - box.width))
    y = max(0, min(corner[1], height - box.height))
    if look.plate is not None and look.opacity > 0:
        _plate(canvas[y : y + box.height, x : x + box.width], look.plate, min(look.opacity, 1.0), look.radius)
    for i, (line, wide) in enumerate(zip(box.lines, box.widths, strict=True)):
        free = box.width - 2 * box.padding - wide
        left = x + box.padding + {"center": free // 2, "right": free}.get(look.align, 0)
        base = y + box.padding + i * box.advance + box.ascent
        cv2.putText(canvas, line, (left, base), FONT, box.scale, look.color, box.thickness, cv2.LINE_AA)


def _plate(area: Pixels, color: BGR, opacity: float, radius: int) -> None:
    """Fill an area, its corners rounded."""
    height, width = area.shape[:2]
    radius = max(0, min(radius, (height - 1) // 2, (width - 1) // 2))
    mask = np.zeros((height, width), np.uint8)
    cv2.rectangle(mask, (radius, 0), (width - 1 - radius, height - 1), 255, cv2.FILLED)
    cv2.rectangle(mask, (0, radius), (width - 1, height - 1 - radius), 255, cv2.FILLED)
    for cx in (radius, width - 1 - radius):
        for cy in (radius, height - 1 - radius):
            cv2.circle(mask, (cx, cy), radius, 255, cv2.FILLED)
    blended = area * (1 - opacity) + np.array(color) * opacity
    area[mask > 0] = blended.round().astype(np.uint8)[mask > 0]
