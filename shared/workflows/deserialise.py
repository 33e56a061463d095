"""From what a request holds to what steps work with, by kind."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest, VisionfleetError
from shared.workflows import detections as columns
from shared.workflows import kinds
from shared.workflows.images import ImageParentMetadata, OriginCoordinatesSystem, VideoMetadata, WorkflowImage
from shared.workflows.rows import from_rows

DATA_URL = re.compile(r"^data:image/[^;,]+;base64,")
Reader = Callable[[Any, str], Any]


def read(value: Any, names: Sequence[str], where: str) -> Any:
    """A value as one of its kinds. Raises InvalidRequest that says what it should be.

    ``where`` is what an image is called when it does not say so itself, such as ``image.[0]``.
    """
    readers = [READERS[name] for name in names if name in READERS]
    if not readers or len(readers) < len(names):
        return value  # a kind without a form of its own takes everything
    problems: list[str] = []
    for reader in readers:
        try:
            return reader(value, where)
        except VisionfleetError as error:
            problems.append(error.message)
        except (TypeError, ValueError, KeyError, IndexError) as error:
            problems.append(f"it is not as it should be ({type(error).__name__})")
    raise InvalidRequest(f"{where} is no {' or '.join(names)}: {problems[0]}")


def image(value: Any, where: str, max_pixels: int = 0) -> WorkflowImage:
    """An image from pixels, encoded bytes, base64, or a dictionary with ``value`` and where it comes from."""
    if isinstance(value, WorkflowImage):
        return value
    described: Mapping[str, Any] = value if isinstance(value, Mapping) else {"value": value}
    name = str(described.get("parent_id") or where)
    parent = ImageParentMetadata(name, _origin(described.get("parent_origin")))
    root = None
    if described.get("root_parent_id"):
        root = ImageParentMetadata(str(described["root_parent_id"]), _origin(described.get("root_parent_origin")))
    made: dict[str, Any] = {"root": root, "max_pixels": max_pixels} if max_pixels else {"root": root}
    if described.get("video_metadata") is not None:
        made["video"] = video_metadata(described["video_metadata"], where)
    content = described.get("value")
    if isinstance(content, np.ndarray):
        return WorkflowImage(parent, pixels=_pixels(content), **made)
    return WorkflowImage(parent, encoded=_encoded(content, where), **made)


def _encoded(content: Any, where: str) -> bytes:
    if isinstance(content, bytes):
        return content
    if not isinstance(content, str):
        raise InvalidRequest(f"{where} is no image: give pixels, bytes, base64 or a URL.")
    if content.startswith(("http://", "https://")):
        raise InvalidRequest(f"{where} is a URL, and URLs are not fetched here; send the image itself.")
    try:
        return base64.b64decode(DATA_URL.sub("", content, count=1), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"{where} is neither base64 nor a URL.") from error


def _pixels(content: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if content.dtype != np.uint8 or content.ndim not in (2, 3) or not content.size:
        raise InvalidRequest(f"Pixels are uint8 [H, W, 3], not {content.dtype} {list(content.shape)}.")
    return content


def _origin(value: Any) -> OriginCoordinatesSystem | None:
    if value is None:
        return None
    return OriginCoordinatesSystem(*(int(value[name]) for name in ("offset_x", "offset_y", "width", "height")))


def video_metadata(value: Any, where: str) -> VideoMetadata:
    """A frame's place in its video."""
    if isinstance(value, VideoMetadata):
        return value
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{where} is no video metadata: an object with video_identifier and frame_number is.")
    stamp = value.get("frame_timestamp")
    known = {
        name: value[name] for name in ("fps", "measured_fps", "comes_from_video_file", "total_frames") if name in value
    }
    if stamp is not None:
        known["frame_timestamp"] = stamp if isinstance(stamp, datetime) else datetime.fromisoformat(str(stamp))
    return VideoMetadata(str(value["video_identifier"]), int(value["frame_number"]), **known)


def detections(value: Any, where: str) -> sv.Detections:
    """Detections in the form that the API answers with: ``image`` and ``predictions``."""
    if isinstance(value, sv.Detections):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get("predictions"), list):
        raise InvalidRequest(f"{where} has no list of predictions.")
    rows, size = value["predictions"], value.get("image") or {}
    if not rows:
        return columns.empty()
    return from_rows(rows, (int(size.get("width") or 0), int(size.get("height") or 0)))


def _scalar(name: str, types: tuple[type, ...]) -> Reader:
    def reader(value: Any, where: str) -> Any:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise InvalidRequest(f"{where} should be {name}, not {type(value).__name__}.")
        return value

    return reader


def _number(value: Any, where: str) -> Any:
    if isinstance(value, str):
        value = float(value) if "." in value or "e" in value.lower() else int(value)
    return _scalar("a number", (int, float))(value, where)


def _fraction(value: Any, where: str) -> Any:
    number = _number(value, where)
    if not 0 <= number <= 1:
        raise InvalidRequest(f"{where} should be a number from 0 to 1.")
    return number


def _integer(value: Any, where: str) -> int:
    number = _number(value, where)
    if number != int(number):
        raise InvalidRequest(f"{where} should be a whole number.")
    return int(number)


def _array(value: Any, where: str) -> Any:
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, (list, tuple)):
        raise InvalidRequest(f"{where} should be a list of numbers.")
    return np.array(value)


def _bytes(value: Any, where: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise InvalidRequest(f"{where} should be base64.")
    return base64.b64decode(value, validate=True)


def _timestamp(value: Any, where: str) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value).astimezone()
    return datetime.fromisoformat(str(_scalar("a time in ISO form", (str,))(value, where)))


def _points(value: Any, where: str) -> Any:
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(one, (list, tuple)) for one in value):
        raise InvalidRequest(f"{where} should be a list of points.")
    return value


def _point(value: Any, where: str) -> tuple[Any, Any]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise InvalidRequest(f"{where} should be two numbers.")
    return value[0], value[1]


_TEXT = _scalar("a text", (str,))
_LIST = _scalar("a list", (list, tuple))
_DICT = _scalar("an object", (dict,))

READERS: dict[str, Reader] = {
    kinds.IMAGE: image,
    kinds.VIDEO_METADATA: video_metadata,
    **dict.fromkeys(
        (kinds.OBJECTS, kinds.INSTANCES, kinds.RLE_INSTANCES, kinds.KEYPOINTS, kinds.QR_CODES, kinds.BAR_CODES),
        detections,
    ),
    **dict.fromkeys(
        (
            kinds.STRING,
            kinds.TOP_CLASS,
            kinds.MODEL_ID,
            kinds.PROJECT,
            kinds.API_KEY,
            kinds.SECRET,
            kinds.PARENT_ID,
            kinds.PREDICTION_TYPE,
            kinds.INFERENCE_ID,
            kinds.LLM_OUTPUT,
        ),
        _TEXT,
    ),
    kinds.BOOLEAN: _scalar("true or false", (bool,)),
    kinds.INTEGER: _integer,
    kinds.FLOAT: _number,
    kinds.FRACTION: _fraction,
    kinds.LIST: _LIST,
    kinds.CONTOURS: _LIST,
    kinds.IMAGE_KEYPOINTS: _LIST,
    kinds.DICTIONARY: _DICT,
    kinds.CLASSIFICATION: _DICT,
    kinds.ARRAY: _array,
    kinds.EMBEDDING: _LIST,
    kinds.BYTES: _bytes,
    kinds.TIMESTAMP: _timestamp,
    kinds.ZONE: _points,
    kinds.POINT: _point,
}
"""A plug-in may add its own; the last one wins."""
