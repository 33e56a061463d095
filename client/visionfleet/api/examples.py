"""Objects that look like examples: boxes drawn on some images, boxes found on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from visionfleet import wire
from visionfleet.core import Core
from visionfleet.images import ImageInput, load, reference
from visionfleet.method import method
from visionfleet.results import Result, parse
from visionfleet.steps import Do, Flow

OWLV2 = "owlv2/owlv2-large-patch14-ensemble"
ROUTE, TASK = "/owlv2/infer", "open-vocabulary-detection"
Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Example:
    """A box on an image.

    Attributes:
        image: path, URL, bytes of an image file, BGR array or PIL image.
        box: x0, y0, x1, y1 around the object, in pixels.
        name: what it is called in the answer.
        negative: that it is what is not to be found.
    """

    image: ImageInput
    box: Corners
    name: str = "object"
    negative: bool = False

    def to_wire(self) -> dict[str, Any]:
        """As the route has it, which has boxes by their centres."""
        x0, y0, x1, y1 = self.box
        place = {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2, "w": x1 - x0, "h": y1 - y0}
        box = {**place, "cls": self.name, "negative": self.negative}
        return {"image": dict(reference(load(self.image))), "boxes": [box]}


def find_like(
    core: Core,
    /,
    image: ImageInput,
    examples: Sequence[Example],
    model: str = OWLV2,
    *,
    confidence: float | None = None,
    iou_threshold: float | None = None,
) -> Flow[Result]:
    """What looks like the examples, as ``Detections``; the server remembers what it saw of them.

    Args:
        image: path, URL, bytes of an image file, BGR array or PIL image.
        examples: one at least that is not negative.
        model: id or alias of an ``owlv2`` model.
        confidence: (cosine + 1) / 2 that a box must pass; 0.99 when absent.
        iou_threshold: overlap above which the weaker box goes.
    """
    asked: dict[str, Any] = {"model_id": model, "confidence": confidence, "iou_threshold": iou_threshold}
    asked = {name: value for name, value in asked.items() if value is not None}
    asked["image"] = yield Do(lambda: dict(reference(load(image))))
    asked["training_data"] = yield Do(lambda: [example.to_wire() for example in examples])
    body = yield from core.fetch(wire.Call("POST", ROUTE, json=asked))
    return parse(TASK, model, body)


class Examples:
    """The operations that stand on the client itself."""

    find_like = method(find_like)
