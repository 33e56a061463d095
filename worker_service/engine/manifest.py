"""``model.json``: what a model is, what it expects and what it answers."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from shared.errors import InvalidModelId
from worker_service.engine.vision.nms import NmsMode

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_MODEL_ID = re.compile(rf"{_SEGMENT}(/{_SEGMENT})?")
MAX_ID_LENGTH = 200

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Resize = Literal["letterbox", "stretch", "center-crop"]
Interpolation = Literal["linear", "area", "cubic", "antialias-linear", "antialias-cubic"]
Anchor = tuple[float, float]


def check_model_id(model_id: str) -> str:
    """Return the id unchanged when it is ``name`` or ``project/version``; it is then safe to use as a relative path.

    Raises:
        InvalidModelId: anything else, ``..`` included.
    """
    if len(model_id) > MAX_ID_LENGTH or ".." in model_id or not _MODEL_ID.fullmatch(model_id):
        raise InvalidModelId(
            "A model id is 'name' or 'project/version' of letters, digits, '.', '_' and '-', without '..'."
        )
    return model_id


class _Open(BaseModel):
    """Unknown fields are kept, so that a newer manifest survives an older reader."""

    model_config = ConfigDict(extra="allow", frozen=True)


class InputSpec(_Open):
    """How pixels become the graph's input: value = (pixel * scale - mean) / std, per channel in ``channels`` order.

    ``border`` is what a letterboxed image leaves free of the width and height at least. A center-crop first brings the
    shorter side to the input's divided by ``crop_fraction``; half a pixel of ``crop_offset`` is rounded to even as
    torchvision does, or down as Hugging Face does. The antialias interpolations are Pillow's, which both use. With
    ``precision`` float32 resizing does not round to whole pixel values.
    """

    width: int = Field(ge=1, le=8192)
    height: int = Field(ge=1, le=8192)
    resize: Resize = "letterbox"
    interpolation: Interpolation = "linear"
    precision: Literal["uint8", "float32"] = "uint8"
    pad: int = Field(114, ge=0, le=255)
    border: int = Field(0, ge=0, le=1024)
    crop_fraction: float = Field(1.0, gt=0, le=1)
    crop_offset: Literal["round", "floor"] = "round"
    channels: Literal["rgb", "bgr"] = "rgb"
    scale: float = Field(1 / 255, gt=0, allow_inf_nan=False)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @model_validator(mode="after")
    def _room_inside(self) -> InputSpec:
        if self.border >= min(self.width, self.height):
            raise ValueError("border leaves no room for the image")
        return self

    @field_validator("std")
    @classmethod
    def _no_zero(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(value):
            raise ValueError("std must not be zero")
        return value


class Thresholds(_Open):
    """Defaults for requests that do not say. Unset ones come from the task's parameters, see ``params.py``."""

    confidence: float | None = Field(None, ge=0, le=1)
    iou: float | None = Field(None, ge=0, le=1)
    max_detections: int | None = Field(None, ge=1)


class Manifest(_Open):
    """A model's ``model.json``. ``files`` maps every file of the model to its sha256; nothing else is ever opened.

    ``keypoints`` names the points of a pose and ``skeleton`` the pairs of them that are joined. ``anchors`` are widths
    and heights in input pixels per level, finest first: only graphs that leave them to us need them.
    """

    id: str
    task: str
    family: str | None = None
    labels: tuple[str, ...] = ()
    input: InputSpec
    thresholds: Thresholds = Thresholds()
    multi_label: bool = False
    activation: Literal["none", "softmax", "sigmoid"] | None = None
    nms_mode: NmsMode = "iou"
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    anchors: tuple[tuple[Anchor, ...], ...] | None = None
    files: dict[str, Sha256] = Field(min_length=1)
    hardware: tuple[str, ...] = ("cpu", "gpu", "jetson")
    licence: str | None = None
    aliases: tuple[str, ...] = ()
    description: str = ""
    metrics: dict[str, Any] = {}

    @field_validator("id")
    @classmethod
    def _valid_id(cls, value: str) -> str:
        return _as_value_error(value)

    @field_validator("aliases")
    @classmethod
    def _valid_aliases(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_as_value_error(alias) for alias in value)

    @model_validator(mode="after")
    def _bones_between_points(self) -> Manifest:
        if any(not 0 <= point < len(self.keypoints) for bone in self.skeleton for point in bone):
            raise ValueError("skeleton joins keypoints that 'keypoints' does not name")
        return self

    @field_validator("files")
    @classmethod
    def _plain_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or not path.name:
                raise ValueError(f"file name {name!r} must be relative and stay inside the model's folder")
        return value

    @property
    def graphs(self) -> list[str]:
        """Names of the ONNX graphs among ``files``, sorted."""
        return sorted(name for name in self.files if name.endswith(".onnx"))

    @cached_property
    def digest(self) -> str:
        """Sha256 (hex) of the manifest in canonical JSON; it covers the files through their own hashes."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _as_value_error(model_id: str) -> str:
    try:
        return check_model_id(model_id)
    except InvalidModelId as error:
        raise ValueError(error.message) from error
