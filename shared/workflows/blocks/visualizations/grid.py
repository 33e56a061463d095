"""Show several images at once."""

from __future__ import annotations

import math
from typing import Annotated, Any
from uuid import uuid4

import cv2
import numpy as np

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.blocks.visualizations._drawing import Visualization
from shared.workflows.fields import IntRef, Selector, StepFields
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.vision.pixels import colour

MOST_PIXELS = 178_956_970


class Grid(Visualization):
    """In a square of cells, row by row, each as large as its cell allows; the rest is black."""

    ids = ("roboflow_core/grid_visualization@v1",)
    label = "Grid Visualization"
    summary = "Show several images in a grid."

    class Fields(StepFields):
        """Images and lists of images; the size of the whole in pixels."""

        images: list[Annotated[str, Selector(kinds.IMAGE, kinds.LIST)]]
        width: int | IntRef = 2560
        height: int | IntRef = 1440

    def run(self, images: list[Any] | None, width: int, height: int) -> dict[str, Any]:
        """The grid, in the place of the first image; places of missing images stay black."""
        if width < 1 or height < 1 or width * height > MOST_PIXELS:
            raise InvalidRequest(f"A grid of {width}x{height} pixels cannot be made; choose 1 to {MOST_PIXELS} pixels.")
        shown: list[WorkflowImage | None] = []
        for one in images or []:
            shown.extend(one if isinstance(one, (list, tuple)) else [one])
        pixels = arranged([None if image is None else image.pixels for image in shown], width, height)
        first = next((image for image in shown if image is not None), None)
        return {
            "image": WorkflowImage.from_pixels(pixels, f"grid.{uuid4()}") if first is None else first.replaced(pixels)
        }


def arranged(pictures: list[Pixels | None], width: int, height: int) -> Pixels:
    """Pictures in a square of cells on a black canvas [height, width, 3]."""
    made = np.zeros((height, width, 3), np.uint8)
    side = math.ceil(math.sqrt(len(pictures)))
    for i, picture in enumerate(pictures):
        cell = width // side, height // side
        if picture is None or min(cell) < 1:
            continue
        scale = min(cell[0] / picture.shape[1], cell[1] / picture.shape[0])
        size = max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))
        small = cv2.resize(colour(picture), size, interpolation=cv2.INTER_AREA)
        x = i % side * cell[0] + (cell[0] - size[0]) // 2
        y = i // side * cell[1] + (cell[1] - size[1]) // 2
        made[y : y + size[1], x : x + size[0]] = small
    return made
