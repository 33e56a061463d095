"""What a camera operator sees: exposure stripes, sharp edges, a grid, the centre, and a panel of figures."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from shared.workflows.vision.focus import Measure, stretched
from shared.workflows.vision.pixels import Pixels

BLUE, GREEN, RED, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
STRIPE = 8  # pixels
SHARP = 30 * 255 // 100  # of the highest measure
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def exposure_stripes(canvas: Pixels, grey: Pixels, dark: float, bright: float) -> None:
    """Stripes over too dark pixels (blue) and too bright ones (red); limits in percent of full brightness."""
    rows, columns = np.ogrid[: grey.shape[0], : grey.shape[1]]
    stripe = (rows + columns) // STRIPE % 2 == 0
    _tint(canvas, (grey < int(dark * 255 / 100)) & stripe, BLUE, 0.5)
    _tint(canvas, (grey > int(bright * 255 / 100)) & stripe, RED, 0.5)


def sharp_edges(canvas: Pixels, measure: Measure) -> None:
    """Green where the measure exceeds 30 % of its highest value."""
    _tint(canvas, stretched(measure) > SHARP, GREEN, 0.6)


def _tint(canvas: Pixels, where: npt.NDArray[np.bool_], color: tuple[int, int, int], opacity: float) -> None:
    canvas[where] = (canvas[where] * (1 - opacity) + np.array(color) * opacity).astype(np.uint8)


def grid(canvas: Pixels, divisions: int) -> None:
    """Grey lines that divide width and height into equal parts."""
    height, width = canvas.shape[:2]
    for i in range(1, divisions):
        x, y = width * i // divisions, height * i // divisions
        cv2.line(canvas, (x, 0), (x, height - 1), (128, 128, 128), 1)
        cv2.line(canvas, (0, y), (width - 1, y), (128, 128, 128), 1)


def centre_mark(canvas: Pixels) -> None:
    """A white cross in the middle."""
    height, width = canvas.shape[:2]
    scale = _scale(canvas)
    reach, thickness = int(20 * scale), max(1, int(1.6 * scale))
    x, y = width // 2, height // 2
    cv2.line(canvas, (x - reach, y), (x + reach, y), WHITE, thickness)
    cv2.line(canvas, (x, y - reach), (x, y + reach), WHITE, thickness)


def panel(canvas: Pixels, source: Pixels, grey: Pixels, score: float) -> None:
    """A dark panel at the upper left with the score and the histogram of each channel and of grey."""
    scale = _scale(canvas)
    margin, padding = int(12 * scale), int(14 * scale)
    width, height = int(180 * scale), int(50 * scale)  # of the histogram
    line, thickness = int(24 * scale), max(1, int(1.6 * scale))
    left, top = margin + padding, margin + padding
    right, bottom = left + width, top + 2 * line + height
    area = canvas[margin : bottom + padding, margin : right + padding]
    area[:] = (area * 0.3).astype(np.uint8)
    _text(canvas, "Focus", (left, top + line // 2), 0.5 * scale, thickness)
    figure = f"{score:.1f}"
    figure_width = cv2.getTextSize(figure, _FONT, 0.5 * scale, thickness)[0][0]
    _text(canvas, figure, (right - figure_width, top + line // 2), 0.5 * scale, thickness)
    _text(canvas, "Exposure", (left, top + line + line // 2), 0.4 * scale, thickness)
    channels = [(source[:, :, i], color) for i, color in enumerate((BLUE, GREEN, RED))] if source.ndim == 3 else []
    for values, color in [*channels, (grey, WHITE)]:
        _histogram(canvas, values, (left, bottom), (width, height), color)


def _histogram(
    canvas: Pixels, values: Pixels, corner: tuple[int, int], size: tuple[int, int], color: tuple[int, int, int]
) -> None:
    counts = np.bincount(values.ravel(), minlength=256)
    x = corner[0] + np.linspace(0, size[0] - 1, 256)
    y = corner[1] - counts / max(int(counts.max()), 1) * size[1]
    cv2.polylines(canvas, [np.stack([x, y], axis=1).astype(np.int32)], False, color, 1)


def _text(canvas: Pixels, text: str, at: tuple[int, int], scale: float, thickness: int) -> None:
    cv2.putText(canvas, text, at, _FONT, scale, (0, 0, 0), thickness + 2)
    cv2.putText(canvas, text, at, _FONT, scale, WHITE, thickness)


def _scale(canvas: Pixels) -> float:
    """1 at 720 pixels."""
    return max(0.4, min(float(min(canvas.shape[:2])) / 720, 2.5))
