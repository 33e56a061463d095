"""Boxes in a text of PaliGemma: ``<loc0123><loc0456><loc0789><loc0999> boat ; ...``, top, left, bottom, right.

A place is a 1024th of the image's side. ``<seg000>`` to ``<seg127>`` behind a box, which stand for its mask, are left
in the text: they need a decoder of their own.
"""

from __future__ import annotations

import re

import numpy as np

from worker_service.engine.results import Detections

BINS = 1024
BOX = re.compile(r"((?:<loc\d{4}>)+)(?:<seg\d{3}>)*\s*([^<;]*)")
PLACE = re.compile(r"<loc(\d{4})>")
TASKS = ("detect", "segment")


def located(text: str, prompt: str, image: tuple[int, int]) -> Detections | None:
    """The boxes of a text with their words as classes; None where it names none and was not asked to.

    Classes are numbered as the prompt names them, others behind. A run of more or fewer than four places is no box.

    Args:
        text: what the model wrote, its ``<loc...>`` included.
        prompt: ``detect boat ; dog``.
        image: width and height in pixels.
    """
    task, _, words = prompt.strip().partition(" ")
    asked = task.lower() in TASKS
    names = dict.fromkeys(word.strip() for word in words.split(";") if asked and word.strip())
    boxes, classes = [], []
    for run, label in BOX.findall(text):
        places = [int(place) / BINS for place in PLACE.findall(run)]
        if len(places) != 4 or max(places) >= 1:
            continue
        top, left, bottom, right = places
        boxes.append([min(left, right), min(top, bottom), max(left, right), max(top, bottom)])
        classes.append(label.strip() or next(iter(names), ""))
    if not boxes and not asked:
        return None
    labels = list(names | dict.fromkeys(classes))
    corners = (np.array(boxes).reshape(-1, 4) * (image * 2)).astype(np.float32)
    numbers = np.array([labels.index(name) for name in classes], np.int64)
    return Detections(image, corners, np.ones(len(boxes), np.float32), numbers, tuple(labels))
