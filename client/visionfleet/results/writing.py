"""What a model wrote about an image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from visionfleet.errors import BadAnswer
from visionfleet.results.base import Result, common
from visionfleet.results.detection import Box, detections, text_rows


@dataclass(frozen=True, kw_only=True)
class Writing(Result):
    """A text, or what it says of boxes and the like.

    Attributes:
        response: a text; for models with tasks, the task with its answer: a text, or lists of places and labels.
        boxes: what was found, where the model says where (Moondream2's ``detect: ...``, PaliGemma's places).
    """

    TASK: ClassVar[str] = "lmm"

    response: str | Mapping[str, Any]
    boxes: Sequence[Box] = ()

    @property
    def text(self) -> str:
        """The answer as one text; lists as JSON."""
        said = self.response
        if isinstance(said, Mapping) and len(said) == 1:
            said = next(iter(said.values()))
        return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)

    @override
    def rows(self) -> list[dict[str, Any]]:
        """One row per box; one with the text where there are none."""
        return text_rows(self.text, self.boxes)


def writing(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> Writing:
    """Read an answer of the task ``lmm``. Raises BadAnswer."""
    response = body.get("response")
    if not isinstance(response, (str, Mapping)):
        raise BadAnswer("The answer holds no response.")
    boxes = detections(model, body, timings).boxes if body.get("predictions") is not None else ()
    return Writing(**common(Writing.TASK, model, body, timings), response=response, boxes=boxes)
