"""From what steps work with to what a client reads: JSON values only."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.images import ImageParentMetadata, VideoMetadata, WorkflowImage
from shared.workflows.rows import plain, to_rows

PLAIN = frozenset({int, float, bool, type(None)})
"""Types that are most of what there is and JSON already."""
RLE_KINDS = frozenset({kinds.RLE_INSTANCES, kinds.SEMANTIC})
MASK_KINDS = RLE_KINDS | {kinds.INSTANCES}
"""The first of them that an output has decides how masks are written."""


def write(value: Any, names: Sequence[str] = ()) -> Any:
    """A value for JSON. ``names`` are its kinds, which decide where the value alone does not."""
    if isinstance(value, Mapping):
        return {str(key): item if type(item) in PLAIN else write(item, names) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [item if type(item) in PLAIN else write(item, names) for item in value]
    if isinstance(value, WorkflowImage):
        return image(value)
    if isinstance(value, sv.Detections):
        return to_rows(value, rle=next((name in RLE_KINDS for name in names if name in MASK_KINDS), False))
    if isinstance(value, str):
        return masked(value) if kinds.SECRET in names and kinds.STRING not in names else value
    return _leaf(value)


def _leaf(value: Any) -> Any:
    if isinstance(value, VideoMetadata):
        return value.to_dict()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def image(value: WorkflowImage) -> dict[str, Any]:
    """Base64 of the file that came in, or of a JPEG where the image is not that file any more."""
    written: dict[str, Any] = {
        "type": "base64",
        "value": value.base64_image,
        "video_metadata": value.video_metadata.to_dict(),
    }
    if value.is_crop:
        root = value.workflow_root_ancestor_metadata
        written |= {"parent_id": value.parent_id, "parent_origin": _origin(value.parent_metadata)}
        written |= {"root_parent_id": root.parent_id, "root_parent_origin": _origin(root)}
    return written


def _origin(metadata: ImageParentMetadata) -> dict[str, int] | None:
    at = metadata.origin_coordinates
    if at is None:
        return None
    return {"offset_x": at.left_top_x, "offset_y": at.left_top_y, "width": at.origin_width, "height": at.origin_height}


def masked(secret: str) -> str:
    """A secret as it may be shown: its ends, if it is long enough that they give nothing away."""
    return "*" * 8 if len(secret) < 8 else f"{secret[:2]}{'*' * 8}{secret[-2:]}"
