"""What all answers have in common."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from visionfleet.errors import BadAnswer, NotInstalled, UnsupportedTask

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

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
        source: the image as it was given, so that ``plot`` can draw on it.
    """

    TASK: ClassVar[str] = ""

    task: str
    model: str
    image: ImageSize
    timings: Mapping[str, float] = field(default_factory=dict)
    visualization: bytes | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    source: Any = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values ready for JSON; the picture is left out."""
        answer = {name: value for name, value in self.raw.items() if name not in ENVELOPE}
        size = {"width": self.image.width, "height": self.image.height}
        return {"task": self.task, "model": self.model, "image": size, **answer}

    def to_plain(self) -> dict[str, Any]:
        """``to_dict`` as JSON knows it: bytes are base64."""
        plain: dict[str, Any] = json.loads(self.to_json())
        return plain

    def to_json(self, indent: int | None = None) -> str:
        """``to_dict`` as JSON text; bytes become base64."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, default=_as_text)

    def rows(self) -> list[dict[str, Any]]:
        """One flat dictionary per thing found, for tables; a result without such things is one row."""
        flat = self.to_dict()
        return [{name: value for name, value in flat.items() if isinstance(value, (str, int, float, type(None)))}]

    def to_pandas(self) -> pd.DataFrame:
        """``rows`` as a DataFrame. Raises NotInstalled without pandas."""
        try:
            import pandas  # noqa: PLC0415 - optional
        except ImportError:
            raise NotInstalled("DataFrames need pandas: pip install pandas.") from None
        return pandas.DataFrame(self.rows())

    def to_supervision(self) -> Any:
        """The result as the class that ``supervision`` has for it. Raises UnsupportedTask, NotInstalled."""
        raise UnsupportedTask(f"supervision has no class for {self.task}; the answer is in 'raw'.")

    def plot(self, image: Any = None) -> Image.Image:
        """The result drawn on the image, as a PIL picture: by supervision where it is installed, else by Pillow.

        Args:
            image: what to draw on (path, bytes, array, PIL picture); the image that was run when not given.

        Raises:
            NotInstalled: without Pillow.
            InvalidImage: there is no image to draw on, as when a URL was run.
            UnsupportedTask: nobody knows how to draw it.
        """
        from visionfleet.drawing import draw  # noqa: PLC0415 - only those who draw pay for it

        return draw(self, self.source if image is None else image)

    def save(self, path: str | Path) -> Path:
        """Write the annotated picture. Raises ValueError when ``visualize=True`` was not asked for."""
        if self.visualization is None:
            raise ValueError("there is no picture: call infer(..., visualize=True)")
        path = Path(path)
        path.write_bytes(self.visualization)
        return path


def _as_text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def supervision() -> Any:
    """The package. Raises NotInstalled."""
    try:
        import supervision as package  # noqa: PLC0415 - optional and heavy
    except ImportError:
        raise NotInstalled("This needs supervision: pip install supervision.") from None
    return package


def picture_of(value: Any) -> bytes | None:
    """A picture in an answer: bytes in msgpack, base64 in JSON. Raises BadAnswer."""
    if value is None or isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise BadAnswer("The answer holds a broken picture.") from error


def common(task: str, model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> dict[str, Any]:
    """The fields of ``Result`` in an answer. Raises BadAnswer."""
    try:
        size = ImageSize(int(body["image"]["width"]), int(body["image"]["height"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer has no image size.") from error
    decoded = picture_of(body.get("visualization"))
    raw = {name: value for name, value in body.items() if name != "visualization"}
    return {"task": task, "model": model, "image": size, "timings": timings, "visualization": decoded, "raw": raw}
