"""Few-shot detection: boxes drawn on examples, and how like them the boxes of another image are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from shared.decode import decode
from shared.errors import InvalidRequest
from worker_service.engine.family import Image
from worker_service.engine.open_vocabulary import Array, Floats, OpenParams
from worker_service.engine.remembered import Remembered

MOST_EXAMPLES = 100
MOST_BOXES = 1000
MOST_PIXELS = 64 * 1024 * 1024
NEARLY = 0.8
"""A box stands for an example when it overlaps it at least so well as the best does, times this."""
Pixels = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Data: TypeAlias = bytes
Overlapped = tuple[Floats, Floats, Floats]
SEEN = ("boxes", "objectness", "embeds")


class ExampleBox(BaseModel):
    """A box by its centre, in pixels of its image; negative ones are what is not to be found."""

    model_config = ConfigDict(frozen=True)

    x: Pixels
    y: Pixels
    w: Annotated[float, Field(gt=0, le=1e6)]
    h: Annotated[float, Field(gt=0, le=1e6)]
    name: Annotated[str, Field(min_length=1, max_length=1000)]
    negative: bool = False


class Example(BaseModel):
    """An encoded image and the boxes on it."""

    model_config = ConfigDict(frozen=True)

    image: Annotated[bytes, Field(min_length=1)]
    boxes: tuple[ExampleBox, ...] = Field((), max_length=MOST_BOXES)


class OwlParams(OpenParams):
    """Open-vocabulary detection by texts or by examples."""

    training: tuple[Example, ...] = Field(
        (), max_length=MOST_EXAMPLES, description="Images with boxes to find more of."
    )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the positive boxes, in the order in which they come."""
        names = [box.name for example in self.training for box in example.boxes if not box.negative]
        return tuple(dict.fromkeys(names))


class ExampleVectors:
    """Embeddings of boxes on examples; what an image answers is remembered, for examples come with every request."""

    def __init__(self, max_bytes: int) -> None:
        """Remembers no more than so many bytes."""
        self._remembered = Remembered(max_bytes, None, "")

    @property
    def bytes(self) -> int:
        """Memory that is held now."""
        return self._remembered.bytes

    def of(self, training: Sequence[Example], run: Callable[[Image], Overlapped]) -> list[tuple[str, bool, Floats]]:
        """Name, whether it is negative, and embedding of each box. Raises InvalidRequest without a positive one.

        ``run`` answers boxes in pixels, objectness and embeddings of an image.
        """
        found = []
        for example in training:
            seen = self._seen(example.image, run) if example.boxes else None
            found += [(box.name, box.negative, _vector(seen, box)) for box in example.boxes if seen is not None]
        if not any(not negative for _, negative, _ in found):
            raise InvalidRequest("The examples have no positive box; draw one around what is to be found.")
        return found

    def _seen(self, data: Data, run: Callable[[Image], Overlapped]) -> Overlapped:
        key = sha256(data).hexdigest()
        known = self._remembered.get(key)
        if known is None:
            known = dict(zip(SEEN, run(decode(data, MOST_PIXELS, auto_orient=True)), strict=True))
            self._remembered.put(key, known)
        boxes, objectness, embeds = (known[name] for name in SEEN)
        return boxes, objectness, embeds


def _vector(seen: Overlapped, box: ExampleBox) -> Floats:
    """The embedding that stands for a box. Raises InvalidRequest when there is none near it."""
    boxes, objectness, embeds = seen
    wanted = np.array([box.x - box.w / 2, box.y - box.h / 2, box.x + box.w / 2, box.y + box.h / 2], np.float32)
    overlap = iou(boxes, wanted)
    best = float(overlap.max())
    if best <= 0:
        raise InvalidRequest(f"An example box of {box.name!r} lies where the model sees nothing; is it in the image?")
    near = np.flatnonzero(overlap >= NEARLY * best)
    return np.asarray(embeds[near[objectness[near].argmax()]], np.float32)


def best_of(
    embeds: Floats, examples: Sequence[tuple[str, bool, Floats]], texts: tuple[str, ...]
) -> tuple[Floats, Array]:
    """For each box the best score, (cosine + 1) / 2, and its class; 0 where a negative example is nearer."""
    vectors = np.stack([vector for _, _, vector in examples])
    scores = (embeds @ vectors.T + 1) / 2
    nearest = scores.argmax(axis=1)
    ids = np.array([texts.index(name) if name in texts else -1 for name, _, _ in examples])
    negative = np.array([negative for _, negative, _ in examples])
    best = np.where(negative[nearest], 0, scores.max(axis=1)).astype(np.float32)
    return best, np.maximum(ids[nearest], 0)


def iou(boxes: Floats, one: Floats) -> Floats:
    """Of each box [n, 4] with one [4]."""
    corners = np.maximum(boxes[:, :2], one[:2]), np.minimum(boxes[:, 2:], one[2:])
    shared = np.prod(np.maximum(corners[1] - corners[0], 0), axis=1)
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1) + np.prod(np.maximum(one[2:] - one[:2], 0))
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), np.float32)
