"""What drawing blocks share: their fields, and which colour a detection has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import supervision as sv
from pydantic import Field

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.colors import rgb
from shared.workflows.detections import copied
from shared.workflows.fields import BoolRef, ImageRef, IntRef, ListRef, StepFields, StrRef, VisualRef
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.merging import boxed
from shared.workflows.vision.pixels import colour

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
Anchor = Literal[
    "CENTER", "CENTER_LEFT", "CENTER_RIGHT", "TOP_CENTER", "TOP_LEFT", "TOP_RIGHT",
    "BOTTOM_LEFT", "BOTTOM_CENTER", "BOTTOM_RIGHT", "CENTER_OF_MASS",
]  # fmt: skip
BoxAnchor = Literal[
    "CENTER", "CENTER_LEFT", "CENTER_RIGHT", "TOP_CENTER", "TOP_LEFT", "TOP_RIGHT",
    "BOTTOM_LEFT", "BOTTOM_CENTER", "BOTTOM_RIGHT",
]  # fmt: skip


class Drawing(StepFields):
    """An image to draw on. ``copy_image`` changes nothing: the image's own pixels are never drawn on."""

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


class Annotation(Visualization, ABC):
    """Base of those that draw detections with one of supervision's annotators; without detections they draw nothing."""

    @abstractmethod
    def annotator(self, values: Mapping[str, Any]) -> Any:
        """The annotator that the step's values ask for."""

    def run(self, image: WorkflowImage, predictions: sv.Detections, **values: Any) -> dict[str, Any]:
        """The drawn image."""
        drawn = canvas(image)
        if len(predictions):
            drawn = self.annotator(values).annotate(drawn, predictions)
        return {"image": image.replaced(drawn)}


def canvas(image: WorkflowImage) -> Pixels:
    """Pixels that may be drawn on, in colour. Never the image's own: other steps read those, and may do so now.

    That makes ``copy_image`` without effect on results, as it should be.
    """
    return colour(image.pixels)


def masked(predictions: sv.Detections, size: tuple[int, int]) -> sv.Detections:
    """The detections, with their boxes as masks where they have none; ``size`` is the image's width and height."""
    if predictions.mask is not None or not len(predictions):
        return predictions
    made = copied(predictions)
    made.mask = boxed(predictions, size[::-1])
    return made


def style(values: Mapping[str, Any]) -> dict[str, Any]:
    """``color`` and ``color_lookup`` of an annotator, from the fields of ``PaletteDrawing``."""
    colors = palette(values["color_palette"], values["palette_size"], values["custom_colors"])
    return {"color": colors, "color_lookup": lookup(values["color_axis"])}


def single(color: Any) -> sv.Color:
    """One colour. Raises InvalidRequest."""
    return sv.Color(*rgb(color))


def position(name: str) -> sv.Position:
    """An anchor of a box. Raises InvalidRequest."""
    try:
        return sv.Position(name.upper())
    except ValueError:
        raise InvalidRequest(f"There is no position {name!r}; CENTER is one.") from None


def palette(name: str, size: int, custom: list[str]) -> sv.ColorPalette:
    """The colours of a palette. Raises InvalidRequest for a name that there is not, and CUSTOM without colours."""
    if size < 1 or (name == "CUSTOM" and not custom):
        raise InvalidRequest("palette_size must be at least 1, and the CUSTOM palette needs custom_colors.")
    if name == "CUSTOM":
        return sv.ColorPalette([sv.Color(*rgb(color)) for color in custom])
    if name.upper() in ("DEFAULT", "ROBOFLOW"):
        chosen: sv.ColorPalette = getattr(sv.ColorPalette, name.upper())
        return chosen
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, for its palettes only

    known = {found.lower(): found for found in mpl.colormaps}
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
