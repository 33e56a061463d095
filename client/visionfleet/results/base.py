"""What all answers have in common."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from visionfleet.errors import BadAnswer

# Of a typed HTTP answer; they belong to the request, and are not part of what the model said.
ENVELOPE = ("inference_id", "time", "visualization", "task", "image")


@dataclass(frozen=True)
class ImageSize:
    """Width and height of the source image in pixels, after its EXIF orientation was applied."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """One image's answer.

    Attributes:
        task: the manifest's word for what the model does, such as ``object-detection``.
        model: id of the model.
        image: size of the source.
        timings: milliseconds per phase (queue, decode, preprocess, infer, post), as far as the server told.
        visualization: annotated JPEG when it was asked for.
        raw: the answer as it came, without the picture.
    """

    TASK: ClassVar[str] = ""

    task: str
    model: str
    image: ImageSize
    timings: Mapping[str, float] = field(default_factory=dict)
    visualization: bytes | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values ready for JSON; the picture is left out."""
        answer = {name: value for name, value in self.raw.items() if name not in ENVELOPE}
        size = {"width": self.image.width, "height": self.image.height}
        return {"task": self.task, "model": self.model, "image": size, **answer}

    def to_json(self, indent: int | None = None) -> str:
        """``to_dict`` as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def save(self, path: str | Path) -> Path:
        """Write the annotated picture. Raises ValueError when ``visualize=True`` was not asked for."""
        if self.visualization is None:
            raise ValueError("there is no picture: call infer(..., visualize=True)")
        path = Path(path)
        path.write_bytes(self.visualization)
        return path


def common(task: str, model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> dict[str, Any]:
    """The fields of ``Result`` in an answer. Raises BadAnswer."""
    try:
        size = ImageSize(int(body["image"]["width"]), int(body["image"]["height"]))
        picture = body.get("visualization")
        decoded = base64.b64decode(picture, validate=True) if isinstance(picture, str) else picture
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer has no image size or a broken picture.") from error
    raw = {name: value for name, value in body.items() if name != "visualization"}
    return {"task": task, "model": model, "image": size, "timings": timings, "visualization": decoded, "raw": raw}
