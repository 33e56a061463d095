"""Text that was read in an image, or written about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from worker_service.engine.results import Detections, envelope


@dataclass(frozen=True)
class ReadText:
    """The text of one image.

    Attributes:
        image: width and height of the source in pixels.
        text: what it says, lines in reading order.
        boxes: where, for models that look for it; their labels are the texts.
        tokens: how many were generated, for models that write token by token, and why they ended.
        visualization: annotated picture when it was asked for.
    """

    image: tuple[int, int]
    text: str
    boxes: Detections | None = None
    generated: dict[str, Any] = field(default_factory=dict)
    visualization: bytes | None = None

    def to_dict(self) -> dict[str, Any]:
        """``result`` is the text; ``predictions`` has a detection per box, whose class is its text."""
        body: dict[str, Any] = {"result": self.text, **self.generated}
        if self.boxes is not None:
            body["predictions"] = self.boxes.rows()
        return envelope("ocr", self.image, body, self.visualization)


@dataclass(frozen=True)
class WrittenText:
    """What a model wrote about an image.

    Attributes:
        image: width and height of the source in pixels.
        response: the text, or what it says under the name of its task.
        generated: how many tokens it took, and why it ended.
        boxes: what it found, for texts that say where.
    """

    image: tuple[int, int]
    response: str | dict[str, Any]
    generated: dict[str, Any] = field(default_factory=dict)
    boxes: Detections | None = None

    def to_dict(self) -> dict[str, Any]:
        """``response``, ``tokens`` and ``finish_reason``; ``predictions`` has a detection per box."""
        body = {"response": self.response, **self.generated}
        if self.boxes is not None:
            body["predictions"] = self.boxes.rows()
        return envelope("lmm", self.image, body, None)
