"""Florence-2's prompts, and the places in what it writes: ``<loc_0>`` to ``<loc_999>`` are thousandths of the image.

Texts are read as transformers' processor reads them, odd ones too, so that both answer alike; but in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from shared.errors import InvalidRequest

Size = tuple[int, int]
BINS = 1000
ALONE = {
    "<OCR>": "What is the text in the image?",
    "<OCR_WITH_REGION>": "What is the text in the image, with regions?",
    "<CAPTION>": "What does the image describe?",
    "<DETAILED_CAPTION>": "Describe in detail what is shown in the image.",
    "<MORE_DETAILED_CAPTION>": "Describe with a paragraph what is shown in the image.",
    "<OD>": "Locate the objects with category name in the image.",
    "<DENSE_REGION_CAPTION>": "Locate the objects in the image, with their descriptions.",
    "<REGION_PROPOSAL>": "Locate the region proposals in the image.",
}
"""Tasks that take nothing, and the words that the model was trained with."""
WITH_WORDS = {
    "<CAPTION_TO_PHRASE_GROUNDING>": "Locate the phrases in the caption: {}",
    "<REFERRING_EXPRESSION_SEGMENTATION>": "Locate {} in the image with mask",
    "<REGION_TO_SEGMENTATION>": "What is the polygon mask of region {}",
    "<OPEN_VOCABULARY_DETECTION>": "Locate {} in the image.",
    "<REGION_TO_CATEGORY>": "What is the region {}?",
    "<REGION_TO_DESCRIPTION>": "What does the region {} describe?",
    "<REGION_TO_OCR>": "What text is in the region {}?",
}
"""Tasks that take words, or a region as four places."""

BOXES = frozenset({"<OD>", "<DENSE_REGION_CAPTION>", "<CAPTION_TO_PHRASE_GROUNDING>"})
POLYGONS = frozenset({"<REFERRING_EXPRESSION_SEGMENTATION>", "<REGION_TO_SEGMENTATION>"})
PLACE = re.compile(r"<loc_(\d+)>")
PLACES = re.compile(r"(?:<loc_\d+>){4,}")
MARKS = re.compile(r"(?:<loc_\d+>|<sep>|<poly>|</poly>){4,}")
MARK = re.compile(r"<loc_\d+>|<sep>|<poly>|</poly>")
QUAD = re.compile(r"(?:<loc_\d+>){8}")
LABEL = re.compile(r"\s*(.*?)(?=</?od>|</?box>|</?bbox>|<loc_)")
POLYGON_LABEL = re.compile(r"\s*(.*?)(?=</?od>|</?box>|</?bbox>|<loc_|<poly>)")
INSIDE = re.compile(r"<poly>(.*?)</poly>")
OUTLINE = re.compile(r"((?:<loc_\d+>)+)(?:<sep>|$)")


class Asked(NamedTuple):
    """What a prompt is to the model: its task, empty for free words, and what it is told."""

    task: str
    words: str


def asked(prompt: str) -> Asked:
    """Replace a task by its words. Raises InvalidRequest when it takes none and is given some."""
    for task, words in ALONE.items():
        if task in prompt:
            if prompt.strip() != task:
                raise InvalidRequest(f"The task {task} stands alone; it takes no words.", parameter="prompt")
            return Asked(task, words)
    for task, words in WITH_WORDS.items():
        if task in prompt:
            return Asked(task, words.format(prompt.replace(task, "").strip()))
    return Asked("", prompt)


def read(task: str, text: str, size: Size) -> Any:
    """What the text says, in pixels of an image of that width and height: a text, or lists of places with labels."""
    if task == "<OCR_WITH_REGION>":
        quads = list(_quads(text, size))
        return {"quad_boxes": [quad for quad, _ in quads], "labels": [label for _, label in quads]}
    if task in BOXES or task == "<REGION_PROPOSAL>":
        found = list(_boxes(text, size, labelled=task in BOXES))
        return {"bboxes": [box for box, _ in found], "labels": [label for _, label in found]}
    if task in POLYGONS:
        outlines = list(_polygons(text, size, labelled=False))
        return {"polygons": [each for each, _ in outlines], "labels": [label for _, label in outlines]}
    if task == "<OPEN_VOCABULARY_DETECTION>":
        drawn = "<poly>" in text
        polygons = list(_polygons(text, size, labelled=True)) if drawn else []
        boxes = [] if drawn else list(_boxes(text, size, labelled=True))
        return {
            "bboxes": [box for box, _ in boxes],
            "bboxes_labels": [label for _, label in boxes],
            "polygons": [each for each, _ in polygons],
            "polygons_labels": [label for _, label in polygons],
        }
    return text.strip()


def plain(text: str) -> str:
    """Without the marks of beginning, end and filling."""
    return text.replace("<s>", "").replace("</s>", "").replace("<pad>", "")


def _pixels(places: str, size: Size, per: int) -> list[list[int]]:
    """Groups of ``per`` coordinates, x and y in turn; what is left over is dropped. The middle of each bin is meant."""
    bins = [int(place) for place in PLACE.findall(places)]
    whole = np.array(bins[: len(bins) // per * per], np.float32).reshape(-1, per // 2, 2)
    scale = np.array([size[0] / BINS, size[1] / BINS], np.float32)
    pixels = ((whole + np.float32(0.5)) * scale).astype(np.int64).reshape(-1, per)
    groups: list[list[int]] = pixels.tolist()
    return groups


def _phrases(text: str, run: re.Pattern[str], *, labelled: bool) -> Iterator[str]:
    """Runs of marks, with the words before them; without words the first mark's own letters stand for them."""
    end = 0
    for found in run.finditer(text):
        start = max(end, text.rfind("<", end, found.start()) + 1)
        if not labelled:
            yield found.group()
        elif start < found.start():
            yield text[start : found.end()]
        elif len(MARK.findall(found.group())) > 4:
            yield text[found.start() + 1 : found.end()]
        else:
            continue
        end = found.end()


def _boxes(text: str, size: Size, *, labelled: bool) -> Iterator[tuple[list[int], str]]:
    for phrase in _phrases(text, PLACES, labelled=labelled):
        label = LABEL.match(phrase)
        if label is not None:
            for box in _pixels(phrase, size, 4):
                yield box, label.group().strip().encode("ascii", "ignore").decode()


def _polygons(text: str, size: Size, *, labelled: bool) -> Iterator[tuple[list[list[int]], str]]:
    """All outlines of one thing, each [x, y, x, y, ...]."""
    for phrase in _phrases(text, MARKS, labelled=labelled):
        label = POLYGON_LABEL.match(re.sub(r"^<loc_\d+>", "", phrase, count=1))
        if label is None:
            continue
        drawn = "<poly>" in phrase and "</poly>" in phrase
        for thing in INSIDE.findall(phrase) if drawn else [phrase]:
            outlines = [_line(outline, size) for outline in OUTLINE.findall(thing)]
            if outlines:
                yield outlines, label.group().strip()


def _line(places: str, size: Size) -> list[int]:
    return [number for point in _pixels(places, size, 2) for number in point]


def _quads(text: str, size: Size) -> Iterator[tuple[list[int], str]]:
    """Four corners each, and the words before them in the same line."""
    start = 0
    while found := QUAD.search(text, start + 1):
        line = text.rfind("\n", start, found.start())
        start = max(start, line + 1)
        if start == found.start():
            continue
        yield _pixels(found.group(), size, 8)[0], text[start : found.start()].strip()
        start = found.end()


def tasks() -> Sequence[str]:
    """All that the model knows."""
    return [*ALONE, *WITH_WORDS]
