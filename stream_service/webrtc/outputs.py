"""Which outputs of a frame go where: pictures onto the video track, the rest over the data channel."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from shared.drawing.annotate import annotate
from stream_service.frame import Frame
from stream_service.picture import Pixels
from stream_service.processor import Outcome

EVERYTHING = "*"


def is_image(value: Any) -> bool:
    """Whether an output is a picture in its serialised form."""
    return isinstance(value, Mapping) and value.get("type") == "base64" and "value" in value


def outputs_of(outcome: Outcome) -> dict[str, Any]:
    """A workflow's outputs; a model's answer is the output ``predictions``."""
    if outcome.outputs is not None:
        return outcome.outputs
    return {} if outcome.predictions is None else {"predictions": outcome.predictions}


def data_of(outputs: Mapping[str, Any], wanted: Sequence[str] | None) -> dict[str, Any] | None:
    """The outputs for the data channel; None when none were asked for."""
    if not wanted:
        return None
    if EVERYTHING in wanted:
        return {name: value for name, value in outputs.items() if not is_image(value)}
    return {name: outputs[name] for name in wanted if name in outputs}


def picture_of(outputs: Mapping[str, Any], wanted: Sequence[str] | None, frame: Frame) -> Pixels:
    """The picture for the video track: the output that was asked for, else the first picture, else the frame.

    A frame that no output replaces gets what was found drawn onto it, unless its own name was asked for.
    """
    names = [name for name in (wanted or outputs) if is_image(outputs.get(name))]
    for name in names:
        pixels = _decoded(outputs[name]["value"])
        if pixels is not None:
            return pixels
    answer = next((value for value in outputs.values() if isinstance(value, Mapping) and "predictions" in value), None)
    return annotate(frame.picture.bgr(), answer) if answer and not wanted else frame.picture.bgr()


def _decoded(text: Any) -> Pixels | None:
    try:
        data = np.frombuffer(base64.b64decode(text), np.uint8)
    except (binascii.Error, ValueError, TypeError):
        return None
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if pixels is None else np.asarray(pixels, np.uint8)
