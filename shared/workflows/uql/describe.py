"""What the describe routes tell of the query language: operations and operators, and the kinds that they take."""

from __future__ import annotations

from typing import Any, get_args

from shared.workflows import kinds
from shared.workflows.uql.base import Operation
from shared.workflows.uql.language import AnyOperation
from shared.workflows.uql.properties import NAMES
from shared.workflows.uql.statements import Token, UnaryToken

ANY, TEXT, NUMBER, LIST = (kinds.ANY,), (kinds.STRING,), (kinds.INTEGER, kinds.FLOAT), (kinds.LIST,)
FOUND = (*kinds.BOXES, kinds.RLE_INSTANCES)
ONE = (kinds.DETECTION,)
TRUTH, WHOLE, TABLE = (kinds.BOOLEAN,), (kinds.INTEGER,), (kinds.DICTIONARY,)
NUMBERS = (*NUMBER, kinds.FRACTION)

OPERATIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "StringToLowerCase": (TEXT, TEXT),
    "StringToUpperCase": (TEXT, TEXT),
    "StringSubSequence": (TEXT, TEXT),
    "StringMatches": (TEXT, TRUTH),
    "ToString": (ANY, TEXT),
    "ToBoolean": (ANY, TRUTH),
    "ToNumber": ((*TEXT, *TRUTH, *NUMBERS), NUMBERS),
    "NumberRound": (NUMBERS, NUMBERS),
    "Multiply": (NUMBERS, NUMBERS),
    "Divide": (NUMBERS, NUMBERS),
    "RandomNumber": (ANY, (kinds.FLOAT,)),
    "LookupTable": (ANY, ANY),
    "SequenceMap": (LIST, LIST),
    "SequenceApply": (LIST, LIST),
    "NumericSequenceAggregate": (LIST, NUMBERS),
    "SequenceAggregate": (LIST, ANY),
    "SequenceLength": ((*LIST, *FOUND, *TABLE), WHOLE),
    "SequenceElementsCount": (LIST, TABLE),
    "SequenceJoin": (LIST, TEXT),
    "DetectionsPropertyExtract": (FOUND, LIST),
    "ExtractDetectionProperty": (ONE, ANY),
    "DetectionsFilter": (FOUND, FOUND),
    "DetectionsSelection": (FOUND, FOUND),
    "SortDetections": (FOUND, FOUND),
    "DetectionsOffset": (FOUND, FOUND),
    "DetectionsShift": (FOUND, FOUND),
    "DetectionsRename": (FOUND, FOUND),
    "PickDetectionsByParentClass": (FOUND, FOUND),
    "DetectionsToDictionary": (FOUND, TABLE),
    "ClassificationPropertyExtract": ((kinds.CLASSIFICATION,), (*TEXT, *LIST, kinds.FRACTION)),
    "ExtractImageProperty": ((kinds.IMAGE,), (*NUMBER, *LIST)),
    "ExtractFrameMetadata": ((kinds.IMAGE, kinds.VIDEO_METADATA), (*NUMBER, kinds.TIMESTAMP)),
    "TimestampToISOFormat": ((kinds.TIMESTAMP,), TEXT),
    "ConvertImageToJPEG": ((kinds.IMAGE,), (kinds.BYTES,)),
    "ConvertImageToBase64": ((kinds.IMAGE,), TEXT),
    "ConvertDictionaryToJSON": (TABLE, TEXT),
}
"""Kinds that go in and come out, by type."""
NESTED = {"SequenceApply": (ANY, ANY), "DetectionsFilter": (ONE, TRUTH)}
"""Of operations that hold others: what those take and give."""
TOKENS: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "(Number) ==": ("Whether two numbers are equal.", (NUMBERS, NUMBERS)),
    "==": ("Whether two values are equal.", (ANY, ANY)),
    "(Number) !=": ("Whether two numbers differ.", (NUMBERS, NUMBERS)),
    "!=": ("Whether two values differ.", (ANY, ANY)),
    "(Number) >": ("Whether the first number is above the second.", (NUMBERS, NUMBERS)),
    "(Number) >=": ("Whether the first number is the second or above.", (NUMBERS, NUMBERS)),
    "(Number) <": ("Whether the first number is below the second.", (NUMBERS, NUMBERS)),
    "(Number) <=": ("Whether the first number is the second or below.", (NUMBERS, NUMBERS)),
    "(Number) in range": ("Whether a number is between two, or is one of them.", (NUMBERS, LIST)),
    "(String) startsWith": ("Whether a text begins with another.", (TEXT, TEXT)),
    "(String) endsWith": ("Whether a text ends with another.", (TEXT, TEXT)),
    "(String) contains": ("Whether a text has another in it.", (TEXT, TEXT)),
    "in (Sequence)": ("Whether a value is in a list.", (ANY, LIST)),
    "any in (Sequence)": ("Whether any of the values is in a list.", (LIST, LIST)),
    "all in (Sequence)": ("Whether all of the values are in a list.", (LIST, LIST)),
    "(Detection) in zone": ("Whether a point is inside a polygon.", ((kinds.POINT,), (kinds.ZONE, *LIST))),
    "Exists": ("Whether there is a value.", (ANY,)),
    "DoesNotExist": ("Whether there is no value.", (ANY,)),
    "(Boolean) is True": ("Whether a value is true.", (TRUTH,)),
    "(Boolean) is False": ("Whether a value is false.", (TRUTH,)),
    "(Sequence) is empty": ("Whether a list has no element.", (LIST,)),
    "(Sequence) is not empty": ("Whether a list has an element.", (LIST,)),
}


def query_language() -> dict[str, Any]:
    """All operations and operators in the wire form."""
    operators = (*get_args(Token), *get_args(UnaryToken))
    return {
        "operations_description": [_operation(one) for one in get_args(get_args(AnyOperation)[0])],
        "operators_descriptions": [_operator(name) for name in operators],
    }


def _operation(operation: type[Operation]) -> dict[str, Any]:
    (name,) = get_args(operation.model_fields["type"].annotation)
    taken, given = OPERATIONS[name]
    nested = NESTED.get(name)
    return {
        "operation_type": name,
        "compound": nested is not None,
        "input_kind": _kinds(taken),
        "output_kind": _kinds(given),
        "nested_operation_input_kind": None if nested is None else _kinds(nested[0]),
        "nested_operation_output_kind": None if nested is None else _kinds(nested[1]),
        "description": operation.__doc__,
        "property_name_options": _properties(operation),
    }


def _operator(name: str) -> dict[str, Any]:
    description, operands = TOKENS[name]
    return {
        "operator_type": name,
        "operands_number": len(operands),
        "operands_kinds": [_kinds(names) for names in operands],
        "description": description,
    }


def _properties(operation: type[Operation]) -> list[str] | None:
    field = operation.model_fields.get("property_name")
    return None if field is None else list(get_args(field.annotation)) or list(NAMES)


def _kinds(names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [kinds.describe(name) for name in names]
