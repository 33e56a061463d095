"""What drawing blocks share: their fields, and which colour a detection has."""

from __future__ import annotations

from typing import Any, Literal

import matplotlib
import numpy as np
import supervision as sv
from pydantic import Field

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.colors import rgb
from shared.workflows.fields import BoolRef, ImageRef, IntRef, ListRef, StepFields, StrRef, VisualRef
from shared.workflows.images import Pixels, WorkflowImage

Palette = Literal[
    "DEFAULT",
    "CUSTOM",
    "ROBOFLOW",
    "Matplotlib Viridis",
    "Matplotlib Plasma",
    "Matplotlib Inferno",
    "Matplotlib Magma",
    "Matplotlib Cividis",
    "Matplotlib Pastel1",
    "Matplotlib Pastel2",
    "Matplotlib Paired",
    "Matplotlib Accent",
    "Matplotlib Dark2",
    "Matplotlib Set1",
    "Matplotlib Set2",
    "Matplotlib Set3",
    "Matplotlib Tab10",
    "Matplotlib Tab20",
    "Matplotlib Tab20b",
    "Matplotlib Tab20c",
]
Axis = Literal["INDEX", "CLASS", "TRACK"]


class Drawing(StepFields):
    """An image to draw on; ``copy_image`` false allows to draw into the image's own pixels."""

    image: ImageRef
    copy_image: bool | BoolRef = True


class DetectionsDrawing(Drawing):
    """And detections to draw."""

    predictions: VisualRef


class PaletteDrawing(DetectionsDrawing):
    """And the colours to draw them in, chosen by class, position or track."""

    color_palette: Palette | StrRef = "DEFAULT"
    palette_size: int | IntRef = 10
    custom_colors: list[str] | ListRef = Field(default_factory=list)
    color_axis: Axis | StrRef = "CLASS"


class Visualization(Block):
    """Base of the blocks that answer with one drawn image."""

    category = "visualization"
    outputs = {"image": (kinds.IMAGE,)}


def canvas(image: WorkflowImage, copy_image: bool) -> Pixels:
    """Pixels that may be drawn on. Never the image's own: other steps read those, and may do so now.

    That makes ``copy_image`` without effect on results, as it should be.
    """
    del copy_image
    pixels: Pixels = np.array(image.pixels)
    return pixels


def palette(name: str, size: int, custom: list[str]) -> sv.ColorPalette:
    """The colours of a palette. Raises InvalidRequest for a name that there is not."""
    if name == "CUSTOM":
        return sv.ColorPalette([sv.Color(*rgb(color)) for color in custom])
    if name.upper() in ("DEFAULT", "ROBOFLOW"):
        chosen: sv.ColorPalette = getattr(sv.ColorPalette, name.upper())
        return chosen
    known = {found.lower(): found for found in matplotlib.colormaps}
    wanted = name.lower().removeprefix("matplotlib").strip(" _")
    if wanted not in known:
        raise InvalidRequest(f"There is no palette {name!r}.")
    return sv.ColorPalette.from_matplotlib(known[wanted], int(size))


def lookup(axis: str) -> Any:
    """Supervision's name for what decides the colour. Raises InvalidRequest."""
    try:
        return sv.ColorLookup[axis.upper()]
    except KeyError:
        raise InvalidRequest(f"color_axis is INDEX, CLASS or TRACK, not {axis!r}.") from None
