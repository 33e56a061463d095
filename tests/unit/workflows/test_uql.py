"""The query language: every operation, comparator and operator, with what it refuses."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import Any, get_args

import cv2
import numpy as np
import pytest
import supervision as sv
from pydantic import TypeAdapter, ValidationError

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.uql import AnyOperation, CasesDefinition, StatementGroup, chain
from shared.workflows.uql.properties import NAMES
from shared.workflows.uql.statements import CHECK, COMPARE, Token, UnaryToken

CHAIN: TypeAdapter[list[Any]] = TypeAdapter(list[AnyOperation])
NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
PICTURE = WorkflowImage.from_pixels(np.full((20, 40, 3), 7, np.uint8), video=VideoMetadata("cam", 31, NOON, fps=15.0))
SINGLE = {"predictions": [{"class": "cat", "confidence": 0.7}, {"class": "dog", "confidence": 0.3}], "top": "cat"}
SINGLE["confidence"] = 0.7
MULTI = {"predictions": {"cat": {"confidence": 0.7}, "dog": {"confidence": 0.6}, "cow": {"confidence": 0.1}}}
MULTI["predicted_classes"] = ["cat", "dog"]  # type: ignore[assignment]


def run(value: Any, *operations: Any, **scope: Any) -> Any:
    steps = [{"type": step} if isinstance(step, str) else step for step in operations]
    return chain(CHAIN.validate_python(steps), value, scope)


def op(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": name, **fields}


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
        ("abc", op("SequenceApply", operations=[])),
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


def statement(left: Any, comparator: str, right: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "BinaryStatement",
        "left_operand": left,
        "comparator": {"type": comparator},
        "right_operand": right,
        **more,
    }


def group(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "StatementGroup", "statements": list(statements), **more}


def static(value: Any, *operations: Any) -> dict[str, Any]:
    return {"type": "StaticOperand", "value": value, "operations": list(operations)}


def dynamic(name: str | None = None, *operations: Any) -> dict[str, Any]:
    named = {} if name is None else {"operand_name": name}
    return {"type": "DynamicOperand", "operations": list(operations), **named}


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


@pytest.mark.parametrize(
    ("left", "comparator", "right", "holds"),
    [
        (1, "(Number) ==", 1.0, True),
        ("a", "==", "a", True),
        (1, "(Number) !=", 2, True),
        ("a", "!=", "a", False),
        (2, "(Number) >", 2, False),
        (2, "(Number) >=", 2, True),
        (1, "(Number) <", 2, True),
        (3, "(Number) <=", 2, False),
        (3, "(Number) in range", [1, 3], True),
        (4, "(Number) in range", [1, 3], False),
        ("abc", "(String) startsWith", "ab", True),
        ("abc", "(String) endsWith", "ab", False),
        ("abc", "(String) contains", "b", True),
        ("a", "in (Sequence)", ["a", "b"], True),
        (["a", "x"], "any in (Sequence)", ["a", "b"], True),
        (["a", "x"], "all in (Sequence)", ["a", "b"], False),
        ((5, 5), "(Detection) in zone", [[0, 0], [10, 0], [10, 10], [0, 10]], True),
        ((10, 5), "(Detection) in zone", [[0, 0], [10, 0], [10, 10], [0, 10]], False),
    ],
)
def test_comparators(left: Any, comparator: str, right: Any, holds: bool) -> None:
    for negate in (False, True):
        made = StatementGroup.model_validate(group(statement(static(left), comparator, static(right), negate=negate)))
        assert made.holds({}) is (holds != negate)


@pytest.mark.parametrize(
    ("operator", "true_of", "false_of"),
    [
        ("Exists", 0, None),
        ("DoesNotExist", None, 0),
        ("(Boolean) is True", True, 1),
        ("(Boolean) is False", False, 0),
        ("(Sequence) is empty", [], [1]),
        ("(Sequence) is not empty", [1], []),
    ],
)
def test_operators(operator: str, true_of: Any, false_of: Any) -> None:
    for value, holds in ((true_of, True), (false_of, False)):
        made = {"type": "UnaryStatement", "operand": static(value), "operator": {"type": operator}}
        assert StatementGroup.model_validate(group(made)).holds({}) is holds
        assert StatementGroup.model_validate(group({**made, "negate": True})).holds({}) is not holds


def test_every_token_has_its_question() -> None:
    assert set(get_args(Token)) == set(COMPARE)
    assert set(get_args(UnaryToken)) == set(CHECK)


def test_groups_nest_are_or_by_default_and_hide_no_error() -> None:
    yes, no = statement(static(1), "==", static(1)), statement(static(1), "==", static(2))
    assert StatementGroup.model_validate(group(no, yes)).holds({})
    assert not StatementGroup.model_validate(group(no, yes, operator="and")).holds({})
    assert StatementGroup.model_validate(group(group(no, yes), yes, operator="and")).holds({})
    wrong = statement(static("a"), "(Number) >", static(1))
    for operator in ("or", "and"):
        with pytest.raises(InvalidRequest, match="convert them"):
            StatementGroup.model_validate(group(yes, wrong, operator=operator)).holds({})
    with pytest.raises(ValidationError):
        StatementGroup.model_validate(group())


def test_operands_run_their_operations_and_name_what_is_missing() -> None:
    made = StatementGroup.model_validate(
        group(statement(dynamic("n", op("Multiply", other=2)), "==", static("4", op("ToNumber", cast_to="int"))))
    )
    assert made.holds({"n": 2})
    with pytest.raises(InvalidRequest, match="'n'"):
        made.holds({"m": 2})


def test_cases_take_the_first_that_holds() -> None:
    def case(least: int, result: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "CaseDefinition",
            "condition": group(statement(dynamic("n"), "(Number) >=", static(least))),
            "result": result,
        }

    cases = CasesDefinition.model_validate(
        {
            "type": "CasesDefinition",
            "cases": [
                case(10, {"type": "StaticCaseResult", "value": "many"}),
                case(5, {"type": "DynamicCaseResult", "parameter_name": "n", "operations": [op("ToString")]}),
            ],
            "default": {"type": "StaticCaseResult", "value": "few"},
        }
    )
    assert [cases.resolve({"n": n}) for n in (12, 5, 1)] == ["many", "5", "few"]


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(ValidationError, match="Explode"):
        CHAIN.validate_python([op("Explode")])
