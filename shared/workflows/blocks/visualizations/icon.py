"""Draw an icon on the image or on each detection."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import cv2
import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.blocks.visualizations._drawing import Anchor, Drawing, Visualization, canvas, position
from shared.workflows.fields import ImageRef, IntRef, Selector, StrRef
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.vision.pixels import colour, u8

MOST_SIDE = 8192


class Icon(Visualization):
    """At one place of the image, or centred on an anchor of each detection. Transparency of a PNG is kept."""

    ids = ("roboflow_core/icon_visualization@v1", "IconVisualization")
    label = "Icon Visualization"
    summary = "Draw an icon at a place of the image or on each detection."

    class Fields(Drawing):
        """Sizes in pixels. Negative positions count from the right and lower border."""

        icon: ImageRef
        mode: Literal["static", "dynamic"] | StrRef = "dynamic"
        predictions: (
            Annotated[str, Selector(kinds.OBJECTS, kinds.INSTANCES, kinds.RLE_INSTANCES, kinds.KEYPOINTS)] | None
        ) = None
        icon_width: int | IntRef = 64
        icon_height: int | IntRef = 64
        position: Anchor | StrRef | None = "TOP_CENTER"
        x_position: int | IntRef | None = 10
        y_position: int | IntRef | None = 10

    def run(
        self, image: WorkflowImage, icon: WorkflowImage, mode: str, predictions: sv.Detections | None, **values: Any
    ) -> dict[str, Any]:
        """The drawn image."""
        if mode not in ("static", "dynamic"):
            raise InvalidRequest(f"mode is static or dynamic, not {mode!r}.")
        size = values["icon_width"], values["icon_height"]
        if not all(1 <= side <= MOST_SIDE for side in size):
            raise InvalidRequest(f"icon_width and icon_height lie between 1 and {MOST_SIDE} pixels.")
        stamp = np.asarray(cv2.resize(with_alpha(icon), size, interpolation=cv2.INTER_AREA), np.uint8)
        drawn = canvas(image)
        for x, y in _places(image.size, mode, predictions, size, values):
            blend(drawn, stamp, x, y)
        return {"image": image.replaced(drawn)}


def _places(
    image: tuple[int, int], mode: str, found: sv.Detections | None, size: tuple[int, int], values: dict[str, Any]
) -> list[tuple[int, int]]:
    """Upper left corners."""
    if mode == "static":
        asked = values["x_position"] or 0, values["y_position"] or 0
        x, y = (at if at >= 0 else whole + at - side for at, whole, side in zip(asked, image, size, strict=True))
        return [(x, y)]
    if found is None or values["position"] is None:
        return []
    anchors = found.get_anchors_coordinates(position(values["position"]))
    return [(int(x - size[0] / 2), int(y - size[1] / 2)) for x, y in anchors]


def with_alpha(icon: WorkflowImage) -> Pixels:
    """The icon as BGRA; its alpha is in the file that it came in."""
    decoded = None
    if icon.original is not None:
        decoded = cv2.imdecode(np.frombuffer(icon.original, np.uint8), cv2.IMREAD_UNCHANGED)
    pixels: Any = icon.pixels if decoded is None else decoded
    if pixels.ndim == 3 and pixels.shape[2] == 4 and pixels.dtype == np.uint8:
        return u8(pixels)
    solid = colour(icon.pixels)
    return np.concatenate([solid, np.full((*solid.shape[:2], 1), 255, np.uint8)], axis=2)


def blend(canvas: Pixels, stamp: Pixels, x: int, y: int) -> None:
    """Draw BGRA pixels with their upper left corner there; what falls outside is left out."""
    height, width = canvas.shape[:2]
    top, left = max(0, -y), max(0, -x)
    part = stamp[top : max(top, height - y), left : max(left, width - x)]
    if not part.size or y >= height or x >= width:
        return
    below = canvas[y + top : y + top + part.shape[0], x + left : x + left + part.shape[1]]
    alpha = part[..., 3:] / 255
    below[:] = (part[..., :3] * alpha + below * (1 - alpha)).round().astype(np.uint8)
