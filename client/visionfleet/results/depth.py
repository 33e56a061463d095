"""How near each pixel of an image is."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from visionfleet.errors import BadAnswer, NotInstalled
from visionfleet.results.base import Result, common, picture_of

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class DepthMap(Result):
    """Relative depth of one image.

    Attributes:
        normalized_depth: rows of numbers in 0..1 (1 is nearest), or a grey PNG where that was asked for.
    """

    TASK: ClassVar[str] = "depth-estimation"

    normalized_depth: Sequence[Sequence[float]] | bytes

    def nearness(self) -> Any:
        """The map as a float32 array [height, width] in 0..1. Raises NotInstalled without numpy, for PNGs Pillow."""
        try:
            import numpy as np  # noqa: PLC0415 - optional

            if not isinstance(self.normalized_depth, bytes):
                return np.asarray(self.normalized_depth, np.float32)
            from PIL import Image  # noqa: PLC0415 - optional
        except ImportError as error:
            raise NotInstalled(f"This needs {error.name}: pip install numpy pillow.") from None
        values = np.asarray(Image.open(io.BytesIO(self.normalized_depth)))
        return values.astype(np.float32) / (255 if values.dtype == np.uint8 else 65535)

    @override
    def rows(self) -> list[dict[str, Any]]:
        """One row: size, and the mean nearness."""
        return [{"width": self.image.width, "height": self.image.height, "mean": float(self.nearness().mean())}]


def depth_map(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> DepthMap:
    """Read a depth answer, of a job or of the route, which has the picture as ``image``. Raises BadAnswer."""
    try:
        found = body["normalized_depth"]
        values = base64.b64decode(found, validate=True) if isinstance(found, str) else found
        size = _png_size(values) if isinstance(values, bytes) else (len(values[0]), len(values))
    except (KeyError, TypeError, ValueError, IndexError, struct.error) as error:
        raise BadAnswer("The answer holds no depth map.") from error
    picture = body.get("visualization") if isinstance(body.get("image"), Mapping) else body.get("image")
    whole = {**body, "image": {"width": size[0], "height": size[1]}, "visualization": picture_of(picture)}
    return DepthMap(**common(DepthMap.TASK, model, whole, timings), normalized_depth=values)


def _png_size(data: bytes) -> tuple[int, int]:
    if not data.startswith(PNG):
        raise ValueError("no PNG")
    width, height = struct.unpack(">II", data[16:24])
    return width, height
