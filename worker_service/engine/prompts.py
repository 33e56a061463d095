"""What a promptable model is asked: points and boxes of an image, and masks to begin from."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from worker_service.engine.params import Params

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
MaskFormat = Literal["polygon", "rle", "binary"]
MOST_PROMPTS = 1000
MOST_POINTS = 1000
PADDING, FIRST_CORNER, LAST_CORNER = -1, 2, 3
"""Labels of points that are none, and of the corners of a box; 1 is on the object, 0 off it."""


class Point(BaseModel):
    """A point in source pixels."""

    model_config = ConfigDict(frozen=True)

    x: Coordinate
    y: Coordinate
    label: Literal[-1, 0, 1, 2, 3] = 1


class Prompt(BaseModel):
    """One object: points on and off it, a box (x0, y0, x1, y1) around it, or both; without any, what stands out."""

    model_config = ConfigDict(frozen=True)

    points: tuple[Point, ...] = Field((), max_length=MOST_POINTS)
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None

    def labelled(self) -> tuple[list[tuple[float, float]], list[int]]:
        """All as points and their labels, the box's corners last."""
        places = [(point.x, point.y) for point in self.points]
        labels: list[int] = [point.label for point in self.points]
        if self.box is not None:
            places += [self.box[:2], self.box[2:]]
            labels += [FIRST_CORNER, LAST_CORNER]
        return places, labels

    @property
    def key(self) -> str:
        """Names the prompt."""
        return sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()

    @property
    def before(self) -> Prompt:
        """The prompt as it was before its last point was set."""
        return self.model_copy(update={"points": self.points[:-1]})


class PromptParams(Params):
    """Promptable segmentation."""

    embed_only: bool = Field(False, description="Embed the image and answer no masks.")
    embedding_format: Literal["none", "json", "npy"] = Field(
        "none", description="Answer the embedding too: as rows of numbers, or as a .npy file."
    )
    image_key: str | None = Field(
        None, max_length=200, description="What the image is remembered under; its pixels decide when absent."
    )
    remember: bool = Field(True, description="Remember the embedding for later requests about the same image.")
    image_size: tuple[int, int] | None = Field(
        None, description="Width and height of the image that a given embedding is of."
    )
    prompts: tuple[Prompt, ...] = Field((), max_length=MOST_PROMPTS, description="Objects; one answer for each.")
    multimask_output: bool = Field(True, description="Choose the best of several masks for each prompt.")
    mask_format: MaskFormat = Field("polygon", description="Outlines, COCO run lengths, or a .npz file.")
    low_res_masks: bool = Field(False, description="Answer the outlines of the masks as the net gives them, too.")
    mask_input: bytes | None = Field(
        None, max_length=2**24, description="Logits of an earlier mask, float32, to begin all prompts from."
    )
    save_logits_to_cache: bool = Field(False, description="Remember the masks, to go on from them.")
    start_from: Literal["nothing", "before", "last"] = Field(
        "nothing", description="Remembered masks to begin from: of the prompt without its last point, or the last one."
    )

    @property
    def asked(self) -> tuple[Prompt, ...]:
        """The prompts, one without anything where there are none."""
        return self.prompts or (Prompt(),)


def mask_key(image: str, prompt: Prompt | None) -> str:
    """What a mask of an image is remembered under; without a prompt, the last one."""
    return f"mask\n{image}\n{'' if prompt is None else prompt.key}"
