"""The query language: every operation, comparator and operator, with what it refuses."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import Any

import cv2
import numpy as np
import pytest
import supervision as sv
from pydantic import ValidationError

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.uql.properties import NAMES
from tests.unit.workflows.uql_steps import CHAIN, dynamic, group, op, run, statement, static

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
PICTURE = WorkflowImage.from_pixels(np.full((20, 40, 3), 7, np.uint8), video=VideoMetadata("cam", 31, NOON, fps=15.0))
SINGLE = {"predictions": [{"class": "cat", "confidence": 0.7}, {"class": "dog", "confidence": 0.3}], "top": "cat"}
SINGLE["confidence"] = 0.7
MULTI = {"predictions": {"cat": {"confidence": 0.7}, "dog": {"confidence": 0.6}, "cow": {"confidence": 0.1}}}
MULTI["predicted_classes"] = ["cat", "dog"]  # type: ignore[assignment]


def found() -> sv.Detections:
    """A cat on the left, a big dog on the right, a nose in the dog's face, and a far bird."""
    boxes = [(0, 0, 10, 20), (50, 0, 100, 50), (60, 10, 70, 20), (200, 200, 205, 211)]
    return columns.build(boxes, [0.9, 0.8, 0.95, 0.4], [0, 1, 2, 3], ["cat", "dog", "nose", "bird"])


@pytest.mark.parametrize(
    ("value", "operation", "result"),
    [
        ("AbC", op("StringToLowerCase"), "abc"),
        ("AbC", op("StringToUpperCase"), "ABC"),
        ("abcd", op("StringSubSequence"), "abc"),
        ("abcd", op("StringSubSequence", start=1, end=3), "bc"),
        ("plate AB-12", op("StringMatches", regex=r"[A-Z]{2}-\d\d"), True),
        ("plate", op("StringMatches", regex="^late"), False),
        (12, op("ToString"), "12"),
        ("", op("ToBoolean"), False),
        ([0], op("ToBoolean"), True),
        ("2.9", op("ToNumber", cast_to="int"), 2),
        ("2.5", op("ToNumber", cast_to="float"), 2.5),
        (2.5, op("NumberRound", decimal_digits=0), 2.0),
        (0.126, op("NumberRound", decimal_digits=2), 0.13),
        (3, op("Multiply", other=2), 6),
        (3, op("Divide", other=2), 1.5),
        ("a", op("LookupTable", lookup_table={"a": 1}), 1),
        (7, op("LookupTable", lookup_table={"7": "seven"}), "seven"),
        (["a", "b"], op("SequenceMap", lookup_table={"a": 1, "b": 2}), [1, 2]),
        ([1, 2], op("SequenceApply", operations=[op("Multiply", other=3), op("ToString")]), ["3", "6"]),
        ([3, 1, 2], op("NumericSequenceAggregate", function="min"), 1),
        ([3, 1, 2], op("NumericSequenceAggregate", function="max"), 3),
        ([3, 1, 2], op("NumericSequenceAggregate", function="sum"), 6),
        ([], op("NumericSequenceAggregate", function="sum", neutral_value=-1), -1),
        ([], op("NumericSequenceAggregate", function="sum"), None),
        (["x", "y", "y"], op("SequenceAggregate", mode="first"), "x"),
        (["x", "y", "y"], op("SequenceAggregate", mode="last"), "y"),
        (["x", "y", "y"], op("SequenceAggregate", mode="most_common"), "y"),
        (["x", "y", "y"], op("SequenceAggregate", mode="least_common"), "x"),
        ([1, 2, 3], op("SequenceLength"), 3),
        ("four", op("SequenceLength"), 4),
        (["a", 1, "1"], op("SequenceElementsCount"), {"a": 1, "1": 2}),
        (["a", 1], op("SequenceJoin"), "a, 1"),
        (["a", "b"], op("SequenceJoin", separator="-"), "a-b"),
        (SINGLE, op("ClassificationPropertyExtract", property_name="top_class"), "cat"),
        (SINGLE, op("ClassificationPropertyExtract", property_name="top_class_confidence"), 0.7),
        (SINGLE, op("ClassificationPropertyExtract", property_name="top_class_confidence_single"), 0.7),
        (SINGLE, op("ClassificationPropertyExtract", property_name="all_classes"), ["cat", "dog"]),
        (SINGLE, op("ClassificationPropertyExtract", property_name="all_confidences"), [0.7, 0.3]),
        (MULTI, op("ClassificationPropertyExtract", property_name="top_class"), ["cat", "dog"]),
        (MULTI, op("ClassificationPropertyExtract", property_name="top_class_confidence"), [0.7, 0.6]),
        (MULTI, op("ClassificationPropertyExtract", property_name="top_class_confidence_single"), 0.7),
        (MULTI, op("ClassificationPropertyExtract", property_name="all_classes"), ["cat", "dog", "cow"]),
        (MULTI, op("ClassificationPropertyExtract", property_name="all_confidences"), [0.7, 0.6, 0.1]),
        (PICTURE, op("ExtractImageProperty", property_name="size"), 800),
        (PICTURE, op("ExtractImageProperty", property_name="height"), 20),
        (PICTURE, op("ExtractImageProperty", property_name="width"), 40),
        (PICTURE, op("ExtractImageProperty", property_name="aspect_ratio"), 2.0),
        (PICTURE, op("ExtractFrameMetadata", property_name="frame_number"), 31),
        (PICTURE, op("ExtractFrameMetadata", property_name="frame_timestamp"), NOON),
        (PICTURE.video_metadata, op("ExtractFrameMetadata", property_name="seconds_since_start"), 2.0),
        (NOON, op("TimestampToISOFormat"), "2026-01-02T12:00:00+00:00"),
        ({"a": [1]}, op("ConvertDictionaryToJSON"), '{"a": [1]}'),
    ],
)
def test_an_operation_on_one_value(value: Any, operation: dict[str, Any], result: Any) -> None:
    assert run(value, operation) == result


@pytest.mark.parametrize(
    ("value", "operation"),
    [
        (1, op("StringToLowerCase")),
        ("a", op("StringMatches", regex="(")),
        ("two", op("ToNumber", cast_to="int")),
        ("inf", op("ToNumber", cast_to="int")),
        ("1", op("Multiply", other=2)),
        (True, op("Multiply", other=2)),
        (1, op("Divide", other=0)),
        ("a", op("LookupTable", lookup_table={})),
        (5, op("SequenceApply", operations=[])),
        (["a", 1], op("NumericSequenceAggregate", function="sum")),
        ([], op("SequenceAggregate", mode="first")),
        ([{}], op("SequenceAggregate", mode="most_common")),
        (5, op("SequenceLength")),
        (["x" * 600_000] * 2, op("SequenceJoin")),
        ([], op("DetectionsPropertyExtract", property_name="size")),
        ("x", op("ExtractDetectionProperty", property_name="size")),
        ({}, op("ClassificationPropertyExtract", property_name="top_class")),
        ("x", op("ExtractImageProperty", property_name="size")),
        (VideoMetadata("v", 1, NOON, fps=None), op("ExtractFrameMetadata", property_name="seconds_since_start")),
        ("x", op("TimestampToISOFormat")),
        ({"a": object()}, op("ConvertDictionaryToJSON")),
        (np.ones(2), op("ToBoolean")),
    ],
)
def test_an_operation_refuses_what_it_cannot_take(value: Any, operation: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        run(value, operation)


def test_random_numbers_are_within_their_limits() -> None:
    made = [run(None, op("RandomNumber", min_value=2, max_value=3)) for _ in range(50)]
    assert all(2 <= value <= 3 for value in made)
    assert len(set(made)) > 1


def test_images_as_jpeg_and_base64() -> None:
    data = run(PICTURE, op("ConvertImageToJPEG", compression_level=80))
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (20, 40, 3)
    assert base64.b64decode(run(data, "ConvertImageToBase64")) == data
    assert base64.b64decode(run(PICTURE, "ConvertImageToBase64"))[:2] == b"\xff\xd8"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("x_min", [0, 50, 60, 200]),
        ("y_max", [20, 50, 20, 211]),
        ("size", [200, 2500, 100, 55]),
        ("class_name", ["cat", "dog", "nose", "bird"]),
        ("class_id", [0, 1, 2, 3]),
        ("confidence", pytest.approx([0.9, 0.8, 0.95, 0.4])),
        ("center", [[5, 10], [75, 25], [65, 15], [202, 206]]),
        ("top_left", [[0, 0], [50, 0], [60, 10], [200, 200]]),
        ("bottom_right", [[10, 20], [100, 50], [70, 20], [205, 211]]),
        ("tracker_id", [None] * 4),
    ],
)
def test_properties_of_detections(name: str, values: Any) -> None:
    assert run(found(), op("DetectionsPropertyExtract", property_name=name)) == values


def test_a_property_that_no_step_wrote_is_an_error_and_an_unknown_one_is_found_before() -> None:
    with pytest.raises(InvalidRequest, match="velocity"):
        run(found(), op("DetectionsPropertyExtract", property_name="velocity"))
    assert run(columns.empty(), op("DetectionsPropertyExtract", property_name="velocity")) == []
    with pytest.raises(ValidationError, match="colour"):
        CHAIN.validate_python([op("DetectionsPropertyExtract", property_name="colour")])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("confidence", "class_id", "tracker_id")])
def test_each_named_property_is_read_from_the_box_or_its_column(name: str) -> None:
    detections = found()
    detections.data[name] = columns.column([[i, name] for i in range(4)])
    got = run(detections, op("DetectionsPropertyExtract", property_name=name))
    assert len(got) == 4


def classes(detections: sv.Detections) -> list[str]:
    return columns.names(detections)


def its(name: str) -> dict[str, Any]:
    return dynamic(None, op("ExtractDetectionProperty", property_name=name))


def test_filter_keeps_what_the_statement_holds_for() -> None:
    keep = group(
        statement(its("size"), "(Number) >=", dynamic("least")),
        statement(its("class_name"), "in (Sequence)", static(["dog", "cat", "nose"])),
        operator="and",
    )
    kept = run(found(), op("DetectionsFilter", filter_operation=keep), least=150)
    assert classes(kept) == ["cat", "dog"]
    assert kept.xyxy.tolist() == [[0, 0, 10, 20], [50, 0, 100, 50]]
    with pytest.raises(InvalidRequest, match="least"):
        run(found(), op("DetectionsFilter", filter_operation=keep))
    assert len(run(columns.empty(), op("DetectionsFilter", filter_operation=keep), least=1)) == 0


def test_filter_by_zone_leaves_out_the_border() -> None:
    def inside(zone: Any) -> list[str]:
        where = group(statement(its("center"), "(Detection) in zone", static(zone)))
        return classes(run(found(), op("DetectionsFilter", filter_operation=where)))

    assert inside([[0, 0], [80, 0], [80, 60], [0, 60]]) == ["cat", "dog", "nose"]
    assert inside([[5, 0], [80, 0], [80, 60], [5, 60]]) == ["dog", "nose"], "the cat's centre is on the border"


@pytest.mark.parametrize(
    ("mode", "one"),
    [("left_most", "cat"), ("right_most", "bird"), ("top_confidence", "nose"), ("first", "cat"), ("last", "bird")],
)
def test_selection(mode: str, one: str) -> None:
    assert classes(run(found(), op("DetectionsSelection", mode=mode))) == [one]
    assert len(run(columns.empty(), op("DetectionsSelection", mode=mode))) == 0


@pytest.mark.parametrize(
    ("mode", "order"),
    [
        ("confidence", ["bird", "dog", "cat", "nose"]),
        ("size", ["bird", "nose", "cat", "dog"]),
        ("x_min", ["cat", "dog", "nose", "bird"]),
        ("x_max", ["cat", "nose", "dog", "bird"]),
        ("y_min", ["cat", "dog", "nose", "bird"]),
        ("y_max", ["cat", "nose", "dog", "bird"]),
        ("center_x", ["cat", "nose", "dog", "bird"]),
        ("center_y", ["cat", "nose", "dog", "bird"]),
    ],
)
def test_sorting(mode: str, order: list[str]) -> None:
    assert classes(run(found(), op("SortDetections", mode=mode))) == order


def test_sorting_downwards_keeps_equals_in_their_order() -> None:
    assert classes(run(found(), op("SortDetections", mode="size", ascending=False))) == ["dog", "cat", "nose", "bird"]
    assert classes(run(found(), op("SortDetections", mode="y_max", ascending=False))) == ["bird", "dog", "cat", "nose"]


def test_boxes_grow_and_move_and_the_original_stays() -> None:
    original = found()
    assert run(original, op("DetectionsOffset", offset_x=4, offset_y=2)).xyxy[0].tolist() == [-2, -1, 12, 21]
    assert run(original, op("DetectionsShift", shift_x=4, shift_y=-2)).xyxy[0].tolist() == [4, -2, 14, 18]
    assert original.xyxy[0].tolist() == [0, 0, 10, 20]


def test_rename_strictly() -> None:
    table = {"cat": "pet", "dog": "pet", "nose": "part", "bird": "bird"}
    renamed = run(found(), op("DetectionsRename", class_map=table))
    assert classes(renamed) == ["pet", "pet", "part", "bird"]
    assert renamed.class_id.tolist() == [2, 2, 1, 0]
    with pytest.raises(InvalidRequest, match="bird, nose"):
        run(found(), op("DetectionsRename", class_map={"cat": "pet", "dog": "pet"}))


def test_rename_some() -> None:
    renamed = run(
        found(),
        op("DetectionsRename", class_map="table", strict="strict"),
        table={"cat": "dog", "nose": "n"},
        strict=False,
    )
    assert classes(renamed) == ["dog", "dog", "n", "bird"]
    assert renamed.class_id.tolist() == [1, 1, 1024, 3]
    offset = op("DetectionsRename", class_map={"cat": "z", "dog": "y"}, strict=False, new_classes_id_offset=10)
    assert run(found(), offset).class_id.tolist() == [11, 10, 2, 3]


def test_what_lies_in_a_parent() -> None:
    assert classes(run(found(), op("PickDetectionsByParentClass", parent_class="dog"))) == ["dog", "nose"]
    assert classes(run(found(), op("PickDetectionsByParentClass", parent_class="cow"))) == []


def test_detections_as_a_dictionary() -> None:
    made = run(found(), "DetectionsToDictionary")
    assert json.loads(json.dumps(made))["predictions"][1]["class"] == "dog"
    assert made["predictions"][1]["x"] == 75


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(ValidationError, match="Explode"):
        CHAIN.validate_python([op("Explode")])
