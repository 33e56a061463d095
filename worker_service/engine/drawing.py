"""Results drawn on pictures with ``supervision``, in place. Only visualise.py imports this, when the first is wanted.

``supervision`` and what it loads take over a second and 70 MB, which a worker that never draws need not pay.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import supervision as sv
from supervision.detection.compact_mask import CompactMask

from worker_service.engine.colours import class_colour, ink
from worker_service.engine.keypoint_results import Poses
from worker_service.engine.mask_results import ClassMap, Instances
from worker_service.engine.results import Detections
from worker_service.engine.vision.rle import column_runs, run_lengths

Image = npt.NDArray[np.uint8]

MASK_OPACITY = 0.5
MOST_SPREAD = 100
"""Labels that are moved apart. Beyond that they cover the picture anyway, and the work grows with their square."""
LONGEST_LABEL = 48
SMALLEST_FONT, LARGEST_FONT = 11, 48
PIXELS_PER_POINT = 55
"""Square root of the picture's area by the size of the font: 19 pixels for 1280 x 853."""


def boxes(canvas: Image, result: Detections, stroke: int, *, labels: bool) -> None:
    """A rectangle for each box, the best on top, with class and confidence when ``labels``."""
    if not len(result.boxes):
        return
    found, colours = detections(result), palette(len(result.labels))
    sv.BoxAnnotator(color=colours, thickness=stroke).annotate(canvas, found)
    if labels:
        texts = [caption(result.labels[class_id], score) for class_id, score in best_last(result)]
        write(canvas, found, texts, len(result.labels), sv.Position.TOP_LEFT)


def masks(canvas: Image, result: Instances) -> None:
    """Each mask tinted in the colour of its class."""
    if not len(result.boxes):
        return
    cells = [result.drawn(i) for i in reversed(range(len(result.shapes)))]
    filled = [(mask, left, top) if mask.size else (np.zeros((1, 1), np.uint8), 0, 0) for mask, left, top in cells]
    found = detections(result)
    found.mask = CompactMask(
        [run_lengths(column_runs(mask), (mask.shape[0], mask.shape[1])).astype(np.int32) for mask, _, _ in filled],
        np.array([mask.shape for mask, _, _ in filled], np.int32),
        np.array([(left, top) for _, left, top in filled], np.int32),
        (canvas.shape[0], canvas.shape[1]),
    )
    sv.MaskAnnotator(color=palette(len(result.labels)), opacity=MASK_OPACITY).annotate(canvas, found)


def skeletons(canvas: Image, result: Poses, stroke: int) -> None:
    """The bones and the points that are sure enough, in the colour of the class; a white core marks each point."""
    sure = result.keypoints[..., 2]
    visible = (sure > 0) & (sure >= result.keypoint_confidence)
    bones = [(one + 1, other + 1) for one, other in result.skeleton]
    for i in reversed(range(len(result.boxes))):
        points = sv.KeyPoints(xy=result.keypoints[i : i + 1, :, :2], visible=visible[i : i + 1])
        colour = sv.Color(*class_colour(int(result.class_ids[i])))
        if bones:
            sv.EdgeAnnotator(color=colour, thickness=stroke, edges=bones).annotate(canvas, points)
        sv.VertexAnnotator(color=colour, radius=stroke + stroke // 2 + 2).annotate(canvas, points)
        sv.VertexAnnotator(color=sv.Color.WHITE, radius=max(1, stroke // 2)).annotate(canvas, points)


def class_map(canvas: Image, result: ClassMap, background: int | None) -> None:
    """Every pixel but the background's tinted in the colour of its class."""
    table = np.array([class_colour(i)[::-1] for i in range(len(result.labels))], np.uint8)
    tinted = cv2.addWeighted(canvas, 1 - MASK_OPACITY, table[result.class_ids], MASK_OPACITY, 0)
    where = np.ones(result.class_ids.shape, np.bool_) if background is None else result.class_ids != background
    canvas[where] = tinted[where]


def banner(canvas: Image, lines: list[tuple[int, str]], classes: int) -> None:
    """Lines of text, each on the colour of its class, one below the other in the upper left corner."""
    if not lines:
        return
    size = font_size(canvas)
    tops = [i * (size + 2 * padding(size)) for i in range(len(lines))]
    places = sv.Detections(
        xyxy=np.array([[0, top, 0, top] for top in tops], np.float32),
        class_id=np.array([class_id for class_id, _ in lines]),
    )
    write(canvas, places, [shorten(text) for _, text in lines], classes, sv.Position.BOTTOM_LEFT, spread=False)


def depth(canvas: Image, nearness: npt.NDArray[np.float32]) -> None:
    """A depth map [height, width] of relative inverse depth (the larger the nearer) in colours: near is warm."""
    shown = sv.DepthMap(nearness, kind="relative_inverse")
    sv.DepthAnnotator(display_range="auto", opacity=1.0).annotate(canvas, shown)


def write(
    canvas: Image, places: sv.Detections, texts: list[str], classes: int, position: sv.Position, *, spread: bool = True
) -> None:
    """Texts on filled rectangles, moved apart where they would cover each other."""
    size = font_size(canvas)
    annotator = sv.RichLabelAnnotator(
        color=palette(classes),
        text_color=inks(classes),
        font_path=font(),
        font_size=size,
        text_padding=padding(size),
        text_position=position,
        smart_position=spread and len(texts) <= MOST_SPREAD,
    )
    canvas[:] = annotator.annotate(canvas, places, labels=texts)


def detections(result: Detections) -> sv.Detections:
    """Boxes as supervision has them, the best last, so that it is drawn over the others."""
    return sv.Detections(
        xyxy=result.boxes[::-1].astype(np.float32),
        confidence=result.scores[::-1].astype(np.float32),
        class_id=result.class_ids[::-1].astype(int),
    )


def best_last(result: Detections) -> list[tuple[int, float]]:
    """Class and score of each box, in the order of ``detections``."""
    return list(zip(result.class_ids[::-1].tolist(), result.scores[::-1].tolist(), strict=True))


def caption(label: str, score: float) -> str:
    """What is written at a box."""
    return f"{shorten(label)} {score:.2f}"


def shorten(text: str) -> str:
    """One line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"


def font_size(canvas: Image) -> int:
    """Pixels, in proportion to the picture and legible on small ones."""
    return max(SMALLEST_FONT, min(LARGEST_FONT, round(math.sqrt(canvas.shape[0] * canvas.shape[1]) / PIXELS_PER_POINT)))


def padding(size: int) -> int:
    """Pixels around a text."""
    return max(2, size // 4)


@lru_cache(maxsize=8)
def palette(classes: int) -> sv.ColorPalette:
    """The colours of a model's classes."""
    return sv.ColorPalette([sv.Color(*class_colour(i)) for i in range(max(1, classes))])


@lru_cache(maxsize=8)
def inks(classes: int) -> sv.ColorPalette:
    """The colours of texts on them."""
    return sv.ColorPalette([sv.Color(*ink(class_colour(i))) for i in range(max(1, classes))])


@lru_cache(maxsize=1)
def font() -> str:
    """DejaVu Sans, which comes with matplotlib and so with supervision: Latin, Greek, Cyrillic, Arabic and more."""
    return str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
