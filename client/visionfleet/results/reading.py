"""Text that was read in an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from visionfleet.errors import BadAnswer
from visionfleet.results.base import Result, common
from visionfleet.results.detection import Box, detections, text_rows


@dataclass(frozen=True, kw_only=True)
class Reading(Result):
    """The text of one image.

    Attributes:
        text: all of it, lines in reading order.
        boxes: where each piece is, for models that look for it; ``class_name`` is the piece's text.
    """

    TASK: ClassVar[str] = "ocr"

    text: str
    boxes: Sequence[Box] = ()

    @override
    def rows(self) -> list[dict[str, Any]]:
        """One row per box; the text as a whole where there are none."""
        return text_rows(self.text, self.boxes)


def reading(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> Reading:
    """Read an answer of the task ``ocr``. Raises BadAnswer."""
    text = body.get("result")
    if not isinstance(text, str):
        raise BadAnswer("The answer holds no text.")
    size = body.get("image") or {"width": 0, "height": 0}  # the routes of models without boxes do not tell it
    whole = {**body, "image": size}
    boxes = detections(model, whole, timings).boxes if body.get("predictions") is not None else ()
    return Reading(**common(Reading.TASK, model, whole, timings), text=text, boxes=boxes)
