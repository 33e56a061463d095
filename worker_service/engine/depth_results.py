"""Depth of one image, in the forms in which it travels."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest
from worker_service.engine.results import envelope

DepthFormat = Literal["json", "png16", "png8"]

MOST_NUMBERS = 4_000_000
"""Pixels that are answered as JSON numbers; more would be tens of megabytes of digits."""
DIGITS = 5
"""Of a number in JSON: finer than the steps of a PNG with 16 bits."""


@dataclass(frozen=True)
class DepthMap:
    """How near each pixel is, relative to the others of the same image.

    Attributes:
        image: width and height of the source in pixels.
        nearness: [height, width] in 0..1; 1 is the nearest pixel, 0 the farthest. A flat image is 0 throughout.
        form: how ``normalized_depth`` is written.
        visualization: the map in colours when it was asked for.
    """

    image: tuple[int, int]
    nearness: npt.NDArray[np.float32]
    form: DepthFormat = "json"
    visualization: bytes | None = None

    def to_dict(self) -> dict[str, Any]:
        """``normalized_depth`` as rows of numbers, or as base64 of a grey PNG. Raises InvalidRequest for too many."""
        body = {"normalized_depth": self._written(), "depth_map_format": self.form}
        return envelope("depth-estimation", self.image, body, self.visualization)

    def _written(self) -> list[list[float]] | str:
        if self.form != "json":
            return b64encode(png(self.nearness, np.uint16 if self.form == "png16" else np.uint8)).decode("ascii")
        if self.nearness.size > MOST_NUMBERS:
            raise InvalidRequest(
                f"A depth map of {self.nearness.size} numbers is too long for JSON; ask for `depth_map_format` png16.",
                parameter="depth_map_format",
            )
        rows: list[list[float]] = np.round(self.nearness.astype(np.float64), DIGITS).tolist()
        return rows


def png(nearness: npt.NDArray[np.float32], dtype: type[np.uint8 | np.uint16]) -> bytes:
    """A grey PNG of values in 0..1: 1 is white."""
    most = np.iinfo(dtype).max
    _, data = cv2.imencode(".png", np.round(nearness * most).astype(dtype))
    return bytes(data)
