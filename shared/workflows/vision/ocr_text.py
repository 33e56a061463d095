"""Recognised characters put in reading order.

Boxes are first turned into reading coordinates: ``along`` grows in the direction in which one reads a line, ``across``
from the first line to the last. After that every algorithm is written once, whatever the script's direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest

Floats = npt.NDArray[np.float64]

DIRECTIONS = ("left_to_right", "right_to_left", "vertical_top_to_bottom", "vertical_bottom_to_top")


def guess_direction(xyxy: Floats) -> str:
    """Wide boxes [N, 4] are read from left to right, tall ones from top to bottom; without boxes left to right."""
    if len(xyxy) == 0:
        return "left_to_right"
    width, height = (xyxy[:, 2:] - xyxy[:, :2]).mean(axis=0)
    return "left_to_right" if width > height else "vertical_top_to_bottom"


@dataclass(frozen=True)
class Reading:
    """Boxes in reading coordinates, each array [N].

    Attributes:
        along: centres in reading order within a line; ``backwards`` directions are negated, so that it always grows.
        across: centres from line to line.
        length: extent along the line.
        thickness: extent across it.
        line_separator: what stands between two lines.
    """

    along: Floats
    across: Floats
    length: Floats
    thickness: Floats
    line_separator: str

    @classmethod
    def of(cls, xyxy: Floats, direction: str) -> Reading:
        """Boxes [N, 4] read in that direction. Raises InvalidRequest for a direction that is none."""
        if direction not in DIRECTIONS:
            raise InvalidRequest(f"reading_direction must be one of {', '.join(DIRECTIONS)} or auto, not {direction!r}")
        centres = (xyxy[:, :2] + xyxy[:, 2:]) / 2
        extents = xyxy[:, 2:] - xyxy[:, :2]
        axis = 1 if direction.startswith("vertical") else 0
        along, across = centres[:, axis], centres[:, 1 - axis]
        if direction in ("right_to_left", "vertical_bottom_to_top"):
            along = -along
        if direction == "vertical_bottom_to_top":
            across = -across
        separator = " " if axis else "\n"
        return cls(along, across, extents[:, axis], extents[:, 1 - axis], separator)


def by_tolerance(xyxy: Floats, texts: Sequence[str], direction: str, tolerance: int, delimiter: str) -> str:
    """Lines are buckets of ``tolerance`` pixels of the boxes' leading edges (rounded to the nearest multiple).

    Line breaks are elements of the join, so that a delimiter also stands before and after each of them.
    """
    if len(xyxy) == 0:
        return ""
    if tolerance <= 0:
        raise InvalidRequest("tolerance must be greater than 0 pixels")
    reading = Reading.of(xyxy, direction)
    corners = np.round(xyxy).astype(np.int64)
    vertical = direction.startswith("vertical")
    leading_across, leading_along = corners[:, 0 if vertical else 1], corners[:, 1 if vertical else 0]
    if direction in ("right_to_left", "vertical_bottom_to_top"):
        leading_along = -leading_along
    buckets = np.round(leading_across / tolerance)
    if direction == "vertical_bottom_to_top":
        buckets = -buckets
    parts: list[str] = []
    for bucket in np.unique(buckets):
        members = np.flatnonzero(buckets == bucket)
        parts += [reading.line_separator] if parts else []
        parts += [str(texts[i]) for i in members[np.argsort(leading_along[members], kind="stable")]]
    return delimiter.join(parts)


def by_gaps(xyxy: Floats, texts: Sequence[str], direction: str, delimiter: str, multiplier: float = 1.0) -> str:
    """Words are told apart by Otsu's threshold over the gaps between neighbours, each in units of their mean length.

    One threshold serves all lines. Without two clear groups of gaps a line is one word. ``multiplier`` above 1 makes
    fewer words. Independent of resolution.
    """
    if len(xyxy) == 0:
        return ""
    reading = Reading.of(xyxy, direction)
    lines = _lines(reading)
    gaps = [_gaps(reading, line) for line in lines]
    threshold, two_groups = gap_threshold(np.concatenate(gaps))
    threshold = threshold * multiplier if two_groups else np.inf
    rows = []
    for line, between in zip(lines, gaps, strict=True):
        words = [[str(texts[line[0]])]]
        for i, gap in zip(line[1:], between, strict=True):
            if gap > threshold:
                words.append([])
            words[-1].append(str(texts[i]))
        rows.append((delimiter or " ").join(delimiter.join(word) for word in words))
    return reading.line_separator.join(rows)


def _lines(reading: Reading) -> list[list[int]]:
    """Indices line by line: a box joins the line while within half the median thickness of the line's mean centre."""
    tolerance = float(np.median(reading.thickness)) / 2
    order = np.argsort(reading.across, kind="stable")
    lines: list[list[int]] = []
    for i in order.tolist():
        if lines and abs(reading.across[i] - reading.across[lines[-1]].mean()) <= tolerance:
            lines[-1].append(i)
        else:
            lines.append([i])
    return [sorted(line, key=lambda i: float(reading.along[i])) for line in lines]


def _gaps(reading: Reading, line: list[int]) -> Floats:
    """Free space between neighbours of a line over their mean length, [len(line) - 1]; negative where they overlap."""
    length = (reading.length[line][1:] + reading.length[line][:-1]) / 2
    free = np.diff(reading.along[line]) - length
    return np.divide(free, length, out=np.zeros_like(free), where=length > 0)


def gap_threshold(gaps: Floats) -> tuple[float, bool]:
    """Otsu's threshold of gaps [N], and whether they really fall into two groups.

    Candidates are the centres of at most 50 histogram bins. There are two groups when the wide gaps average more than
    0.3 of a character and the two means lie more than 0.3 apart.
    """
    if len(gaps) < 2:
        return 0.0, False
    _, edges = np.histogram(gaps, bins=min(50, len(gaps)))
    best, threshold, narrow_mean, wide_mean = 0.0, 0.0, 0.0, 0.0
    for candidate in (edges[:-1] + edges[1:]) / 2:
        narrow, wide = gaps[gaps <= candidate], gaps[gaps > candidate]
        if len(narrow) == 0 or len(wide) == 0:
            continue
        between = len(narrow) * len(wide) * float(narrow.mean() - wide.mean()) ** 2
        if between > best:
            best, threshold = between, float(candidate)
            narrow_mean, wide_mean = float(narrow.mean()), float(wide.mean())
    return threshold, wide_mean > 0.3 and wide_mean - narrow_mean > 0.3


def by_following(xyxy: Floats, texts: Sequence[str], direction: str, delimiter: str, tolerance: int = 10) -> str:
    """Lines grow box by box, each aligned with the one before it: skewed and curved text stays together.

    A box follows another when their centres differ across the line by less than half the greater thickness plus
    ``tolerance`` pixels. What follows no line's last box starts a line.
    """
    if len(xyxy) == 0:
        return ""
    reading = Reading.of(xyxy, direction)
    remaining = np.argsort(reading.along, kind="stable").tolist()
    lines = [[remaining.pop(0)]]
    while remaining:
        grown = False
        for line in lines:
            for i in list(remaining):
                if _follows(reading, line[-1], i, tolerance):
                    line.append(i)
                    remaining.remove(i)
                    grown = True
        if not grown:
            lines.append([remaining.pop(0)])
    lines.sort(key=lambda line: float(reading.across[line].mean()))
    return reading.line_separator.join(delimiter.join(str(texts[i]) for i in line) for line in lines)


def _follows(reading: Reading, last: int, i: int, tolerance: float) -> bool:
    reach = max(reading.thickness[last], reading.thickness[i]) / 2 + tolerance
    return bool(abs(reading.across[last] - reading.across[i]) < reach and reading.along[last] <= reading.along[i])
