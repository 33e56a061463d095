"""Objects by points and boxes: one image, any number of prompts, a mask for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from visionfleet import wire
from visionfleet.core import Core
from visionfleet.errors import BadAnswer
from visionfleet.images import ImageInput, load, reference
from visionfleet.method import method
from visionfleet.steps import Do, Flow

SAM2 = "sam2/hiera_large"
SEGMENT, EMBED = "/sam2/segment_image", "/sam2/embed_image"


@dataclass(frozen=True)
class Prompt:
    """One object, in pixels of the image.

    Attributes:
        on: points (x, y) on the object.
        off: points off it.
        box: x0, y0, x1, y1 around it.
    """

    on: Sequence[tuple[float, float]] = ()
    off: Sequence[tuple[float, float]] = ()
    box: tuple[float, float, float, float] | None = None

    def to_wire(self) -> dict[str, Any]:
        """As the route has it, which has boxes by their centres."""
        points = [{"x": x, "y": y, "positive": True} for x, y in self.on]
        points += [{"x": x, "y": y, "positive": False} for x, y in self.off]
        if self.box is None:
            return {"points": points}
        x0, y0, x1, y1 = self.box
        return {"points": points, "box": {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2, "width": x1 - x0, "height": y1 - y0}}


@dataclass(frozen=True)
class PromptedMask:
    """The mask of one prompt: outlines of x, y in pixels (holes are outlines too), or COCO run lengths."""

    confidence: float
    polygons: tuple[tuple[tuple[float, float], ...], ...] = ()
    rle: dict[str, Any] | None = None


def segment(
    core: Core,
    /,
    image: ImageInput,
    prompts: Sequence[Prompt],
    model: str = SAM2,
    *,
    image_id: str | None = None,
    rle: bool = False,
) -> Flow[list[PromptedMask]]:
    """A mask for each prompt, in order. The image is embedded once; later calls on it are fast.

    Args:
        image: path, URL, bytes of an image file, BGR array or PIL image.
        prompts: what to look for; empty answers what stands out.
        model: id or alias of a model whose task is ``promptable-segmentation``.
        image_id: what the image is remembered under; its pixels decide when absent.
        rle: COCO run lengths in place of outlines.
    """
    sent = yield Do(lambda: dict(reference(load(image))))
    asked: dict[str, Any] = {"model_id": model, "image": sent, "format": "rle" if rle else "json"}
    asked |= {"prompts": {"prompts": [prompt.to_wire() for prompt in prompts]}}
    asked |= {} if image_id is None else {"image_id": image_id}
    body = yield from core.fetch(wire.Call("POST", SEGMENT, json=asked))
    return _masks(body, max(1, len(prompts)))


def _masks(body: dict[str, Any], count: int) -> list[PromptedMask]:
    found = body.get("predictions")
    if not isinstance(found, list) or len(found) != count:
        raise BadAnswer("The answer holds no masks.")
    try:
        return [_mask(row) for row in found]
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer holds no masks.") from error


def _mask(row: dict[str, Any]) -> PromptedMask:
    if row["format"] == "rle":
        return PromptedMask(float(row["confidence"]), rle=dict(row["masks"]))
    outlines = tuple(tuple((float(x), float(y)) for x, y in outline) for outline in row["masks"])
    return PromptedMask(float(row["confidence"]), outlines)


class Prompts:
    """The operations that stand on the client itself."""

    segment = method(segment)
