"""Operations on detections: extract, filter, choose, sort, move, rename."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import supervision as sv
from pydantic import field_validator
from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows.detections import CLASS_NAME, at, copied, names
from shared.workflows.rows import to_rows
from shared.workflows.uql.base import CURRENT, Operation, Scope, named
from shared.workflows.uql.properties import NAMES, each, extract

if TYPE_CHECKING:
    from shared.workflows.uql.statements import StatementGroup


class _OnDetections(Operation):
    def detections(self, value: Any) -> sv.Detections:
        if not isinstance(value, sv.Detections):
            raise self.refuse(value, "detections")
        return value


class _OfProperty(Operation):
    property_name: str

    @field_validator("property_name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in NAMES:
            raise ValueError(f"there is no property {name!r}; there are {', '.join(NAMES)}")
        return name


class DetectionsPropertyExtract(_OnDetections, _OfProperty):
    """A property of every detection, as a list."""

    type: Literal["DetectionsPropertyExtract"]

    @override
    def apply(self, value: Any, scope: Scope) -> list[Any]:
        return [extract(one, self.property_name) for one in each(self.detections(value))]


class ExtractDetectionProperty(_OfProperty):
    """A property of one detection, inside a filter."""

    type: Literal["ExtractDetectionProperty"]

    @override
    def apply(self, value: Any, scope: Scope) -> Any:
        if not isinstance(value, tuple) or len(value) != 6:
            raise self.refuse(value, "one detection")
        return extract(value, self.property_name)


class DetectionsFilter(_OnDetections):
    """Those for which the statement holds; inside it ``_`` is the detection in hand."""

    type: Literal["DetectionsFilter"]
    filter_operation: StatementGroup

    @override
    def apply(self, value: Any, scope: Scope) -> sv.Detections:
        found = self.detections(value)
        return at(found, [self.filter_operation.holds({**scope, CURRENT: one}) for one in each(found)])


class DetectionsSelection(_OnDetections):
    """One of them at most; left and right go by the centre."""

    type: Literal["DetectionsSelection"]
    mode: Literal["left_most", "right_most", "top_confidence", "first", "last"]

    @override
    def apply(self, value: Any, scope: Scope) -> sv.Detections:
        found = self.detections(value)
        if not len(found):
            return found
        pick: dict[str, Callable[[], int]] = {
            "left_most": lambda: int(_centres(found)[:, 0].argmin()),
            "right_most": lambda: int(_centres(found)[:, 0].argmax()),
            "top_confidence": lambda: int(np.asarray(_confidence(found)).argmax()),
            "first": lambda: 0,
            "last": lambda: len(found) - 1,
        }
        return at(found, [pick[self.mode]()])


class SortDetections(_OnDetections):
    """In the order of a property; equals stay in theirs."""

    type: Literal["SortDetections"]
    mode: Literal["confidence", "x_min", "x_max", "y_min", "y_max", "size", "center_x", "center_y"]
    ascending: bool = True

    @override
    def apply(self, value: Any, scope: Scope) -> sv.Detections:
        found = self.detections(value)
        if not len(found):
            return found
        keys = np.asarray(self._keys(found), dtype=float)
        return at(found, np.argsort(keys if self.ascending else -keys, kind="stable").tolist())

    def _keys(self, found: sv.Detections) -> Any:
        edges = ("x_min", "y_min", "x_max", "y_max")
        if self.mode in edges:
            return found.xyxy[:, edges.index(self.mode)]
        if self.mode == "confidence":
            return _confidence(found)
        return found.box_area if self.mode == "size" else _centres(found)[:, 0 if self.mode == "center_x" else 1]


class DetectionsOffset(_OnDetections):
    """Boxes grown, by half of each offset on either side; they may reach beyond the image."""

    type: Literal["DetectionsOffset"]
    offset_x: int
    offset_y: int

    @override
    def apply(self, value: Any, scope: Scope) -> sv.Detections:
        grown = copied(self.detections(value))
        x, y = self.offset_x / 2, self.offset_y / 2
        grown.xyxy = grown.xyxy + np.array([-x, -y, x, y], grown.xyxy.dtype)
        return grown


class DetectionsShift(_OnDetections):
    """Boxes moved."""

    type: Literal["DetectionsShift"]
    shift_x: int
    shift_y: int

    @override
    def apply(self, value: Any, scope: Scope) -> sv.Detections:
        shifted = copied(self.detections(value))
        shifted.xyxy = shifted.xyxy + np.array([self.shift_x, self.shift_y] * 2, shifted.xyxy.dtype)
        return shifted


class DetectionsRename(_OnDetections):
    """Classes by other names. ``class_map`` and ``strict`` may be names of parameters.

    Strict: every class must be mapped, and ids are the places of the new names in their order. Otherwise classes that
    are not mapped stay, a new name that is one of theirs takes its id, and other new names count up from the offset.
    """

    type: Literal["DetectionsRename"]
    class_map: dict[str, str] | str
    strict: bool | str = True
    new_classes_id_offset: int = 1024

    @override
    def apply(self, value: Any, scope: Scope) -> sv.Detections:
        found = self.detections(value)
        table = named(scope, self.class_map) if isinstance(self.class_map, str) else self.class_map
        strict = named(scope, self.strict) if isinstance(self.strict, str) else self.strict
        if not isinstance(table, dict):
            raise self.refuse(table, "a dictionary of names as class_map")
        before = names(found)
        missing = sorted(set(before) - set(table))
        if strict and missing:
            raise InvalidRequest(f"DetectionsRename is strict and has no new name for: {', '.join(missing)}.")
        after = [str(table.get(name, name)) for name in before]
        ids = self._strict_ids(table) if strict else self._ids(found, before, table)
        renamed = copied(found)
        renamed.data[CLASS_NAME] = np.asarray(after, dtype=str)
        renamed.class_id = np.asarray([ids[name] for name in after], dtype=int)
        return renamed

    def _strict_ids(self, table: dict[str, str]) -> dict[str, int]:
        return {name: i for i, name in enumerate(sorted(set(map(str, table.values()))))}

    def _ids(self, found: sv.Detections, before: list[str], table: dict[str, str]) -> dict[str, int]:
        held = [0] * len(before) if found.class_id is None else found.class_id.tolist()
        ids = dict(zip(before, held, strict=True))
        new = sorted(set(map(str, table.values())) - set(ids))
        return ids | {name: self.new_classes_id_offset + i for i, name in enumerate(new)}


class PickDetectionsByParentClass(_OnDetections):
    """All of one class, then those of others whose centre is in the box of one of them."""

    type: Literal["PickDetectionsByParentClass"]
    parent_class: str

    @override
    def apply(self, value: Any, scope: Scope) -> sv.Detections:
        found = self.detections(value)
        is_parent = np.array([name == self.parent_class for name in names(found)], dtype=bool)
        if not is_parent.any():
            return at(found, [])
        centres, boxes = _centres(found)[:, None], found.xyxy[is_parent][None]
        inside = ((centres >= boxes[..., :2]) & (centres <= boxes[..., 2:])).all(axis=2).any(axis=1)
        return at(found, [*np.flatnonzero(is_parent).tolist(), *np.flatnonzero(inside & ~is_parent).tolist()])


class DetectionsToDictionary(_OnDetections):
    """Detections as answers over HTTP have them."""

    type: Literal["DetectionsToDictionary"]

    @override
    def apply(self, value: Any, scope: Scope) -> dict[str, Any]:
        return to_rows(self.detections(value), rle=False)


def _centres(found: sv.Detections) -> Any:
    return (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2


def _confidence(found: sv.Detections) -> Any:
    if found.confidence is None:
        raise InvalidRequest("These detections have no confidence.")
    return found.confidence
