"""Values on their way into and out of the process of a Python block, as plain data for msgpack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import supervision as sv

from shared.workflows.batch import Batch
from shared.workflows.block import FlowControl
from shared.workflows.images import ImageParentMetadata, OriginCoordinatesSystem, VideoMetadata, WorkflowImage

TAG = "$"
ROWS = ("xyxy", "mask", "confidence", "class_id", "tracker_id")


def pack_value(value: Any) -> Any:
    """Plain data that ``unpack_value`` turns back. Raises TypeError for what has no such form."""
    if value is None or isinstance(value, (str, bytes, bool, int, float)):
        return value
    if isinstance(value, (list, tuple, set)):
        return [pack_value(item) for item in value]
    if isinstance(value, Mapping):
        return {TAG: "dict", "items": [[pack_value(key), pack_value(item)] for key, item in value.items()]}
    if isinstance(value, np.generic):
        return value.item()
    for kind, (cls, packer, _) in FORMS.items():
        if isinstance(value, cls):
            return {TAG: kind, **packer(value)}
    raise TypeError(f"a {type(value).__name__} cannot leave or enter a Python block")


def unpack_value(value: Any) -> Any:
    """What ``pack_value`` packed."""
    if isinstance(value, list):
        return [unpack_value(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value[TAG] == "dict":
        return {unpack_value(key): unpack_value(item) for key, item in value["items"]}
    return FORMS[value[TAG]][2](value)


def _array(value: Any) -> dict[str, Any]:
    if value.dtype == object:
        return {"objects": [pack_value(item) for item in value]}
    if value.dtype.kind == "U":
        return {"texts": value.tolist()}
    return {"dtype": value.dtype.str, "shape": list(value.shape), "data": np.ascontiguousarray(value).tobytes()}


def _to_array(value: Mapping[str, Any]) -> Any:
    if "objects" in value:
        made = np.empty(len(value["objects"]), dtype=object)
        for i, item in enumerate(value["objects"]):
            made[i] = unpack_value(item)
        return made
    if "texts" in value:
        return np.array(value["texts"], dtype=str)
    dtype = np.dtype(value["dtype"])
    if dtype.hasobject:
        raise TypeError("arrays of objects do not travel as bytes")
    return np.frombuffer(value["data"], dtype).reshape(value["shape"]).copy()


def _image(value: WorkflowImage) -> dict[str, Any]:
    video = value.video_metadata.to_dict() if value.has_video else None
    root = value.workflow_root_ancestor_metadata
    return {
        "pixels": _array(value.pixels),
        "parent": _parent(value.parent_metadata, value.is_crop),
        "root": _parent(root, value.is_crop),
        "video": video,
    }


def _parent(metadata: ImageParentMetadata, is_crop: bool) -> list[Any]:
    at = metadata.origin_coordinates if is_crop else None
    return [metadata.parent_id, None if at is None else list(vars(at).values())]


def _to_parent(packed: list[Any]) -> ImageParentMetadata:
    name, at = packed
    return ImageParentMetadata(name, None if at is None else OriginCoordinatesSystem(*at))


def _to_image(value: Mapping[str, Any]) -> WorkflowImage:
    video = None
    if value["video"] is not None:
        stamp = datetime.fromisoformat(value["video"]["frame_timestamp"])
        video = VideoMetadata(**{**value["video"], "frame_timestamp": stamp})
    root = _to_parent(value["root"])
    return WorkflowImage(_to_parent(value["parent"]), pixels=_to_array(value["pixels"]), root=root, video=video)


def _detections(value: sv.Detections) -> dict[str, Any]:
    rows = {name: getattr(value, name) for name in ROWS}
    packed = {name: None if row is None else pack_value(np.asarray(row)) for name, row in rows.items()}
    return {**packed, "data": {name: pack_value(np.asarray(column)) for name, column in value.data.items()}}


def _to_detections(value: Mapping[str, Any]) -> sv.Detections:
    rows = {name: unpack_value(value[name]) for name in ROWS}
    return sv.Detections(**rows, data={name: unpack_value(column) for name, column in value["data"].items()})


Form = tuple[type[Any], Callable[[Any], dict[str, Any]], Callable[[Any], Any]]
FORMS: dict[str, Form] = {
    "array": (np.ndarray, _array, _to_array),
    "image": (WorkflowImage, _image, _to_image),
    "detections": (sv.Detections, _detections, _to_detections),
    "time": (datetime, lambda value: {"iso": value.isoformat()}, lambda value: datetime.fromisoformat(value["iso"])),
    "flow": (FlowControl, lambda value: {"context": value.context}, lambda value: FlowControl(value["context"])),
    "video": (
        VideoMetadata,
        lambda value: {"fields": value.to_dict()},
        lambda value: VideoMetadata(
            **{**value["fields"], "frame_timestamp": datetime.fromisoformat(value["fields"]["frame_timestamp"])}
        ),
    ),
    "batch": (
        Batch,
        lambda value: {"values": [pack_value(item) for item in value], "indices": [list(i) for i in value.indices]},
        lambda value: Batch([unpack_value(v) for v in value["values"]], [tuple(i) for i in value["indices"]]),
    ),
}
