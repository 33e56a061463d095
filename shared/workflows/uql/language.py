"""All operations as one type, so that chains and statements can nest; and results by case."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field

from shared.workflows.uql.answers import (
    ClassificationPropertyExtract,
    ConvertImageToBase64,
    ConvertImageToJPEG,
    ExtractFrameMetadata,
    ExtractImageProperty,
)
from shared.workflows.uql.base import Scope, named
from shared.workflows.uql.detections import (
    DetectionsFilter,
    DetectionsOffset,
    DetectionsPropertyExtract,
    DetectionsRename,
    DetectionsSelection,
    DetectionsShift,
    DetectionsToDictionary,
    ExtractDetectionProperty,
    PickDetectionsByParentClass,
    SortDetections,
)
from shared.workflows.uql.numbers import Divide, Multiply, NumberRound, RandomNumber, ToBoolean, ToNumber
from shared.workflows.uql.sequences import (
    LookupTable,
    NumericSequenceAggregate,
    SequenceAggregate,
    SequenceApply,
    SequenceElementsCount,
    SequenceJoin,
    SequenceLength,
    SequenceMap,
)
from shared.workflows.uql.statements import (
    BinaryStatement,
    DynamicOperand,
    StatementGroup,
    StaticOperand,
    UnaryStatement,
    chain,
)
from shared.workflows.uql.texts import (
    ConvertDictionaryToJSON,
    StringMatches,
    StringSubSequence,
    StringToLowerCase,
    StringToUpperCase,
    TimestampToISOFormat,
    ToString,
)

AnyOperation: TypeAlias = Annotated[
    StringToLowerCase
    | StringToUpperCase
    | StringSubSequence
    | StringMatches
    | ToString
    | ToBoolean
    | ToNumber
    | NumberRound
    | Multiply
    | Divide
    | RandomNumber
    | LookupTable
    | SequenceMap
    | SequenceApply
    | NumericSequenceAggregate
    | SequenceAggregate
    | SequenceLength
    | SequenceElementsCount
    | SequenceJoin
    | DetectionsPropertyExtract
    | ExtractDetectionProperty
    | DetectionsFilter
    | DetectionsSelection
    | SortDetections
    | DetectionsOffset
    | DetectionsShift
    | DetectionsRename
    | PickDetectionsByParentClass
    | DetectionsToDictionary
    | ClassificationPropertyExtract
    | ExtractImageProperty
    | ExtractFrameMetadata
    | TimestampToISOFormat
    | ConvertImageToJPEG
    | ConvertImageToBase64
    | ConvertDictionaryToJSON,
    Field(discriminator="type"),
]

_NAMES = {"AnyOperation": AnyOperation, "StatementGroup": StatementGroup}
for _model in (
    StatementGroup,
    StaticOperand,
    DynamicOperand,
    BinaryStatement,
    UnaryStatement,
    SequenceApply,
    DetectionsFilter,
):
    _model.model_rebuild(force=True, raise_errors=False, _types_namespace=_NAMES)


class StaticCaseResult(BaseModel):
    """A value that stands in the definition."""

    type: Literal["StaticCaseResult"]
    value: Any

    def resolve(self, scope: Scope) -> Any:
        """The value."""
        del scope
        return self.value


class DynamicCaseResult(BaseModel):
    """A value of the scope, after operations."""

    type: Literal["DynamicCaseResult"]
    parameter_name: str
    operations: list[AnyOperation] | None = None

    def resolve(self, scope: Scope) -> Any:
        """Raises InvalidRequest for a name that nobody declared."""
        return chain(self.operations or [], named(scope, self.parameter_name), scope)


CaseResult: TypeAlias = Annotated[StaticCaseResult | DynamicCaseResult, Field(discriminator="type")]


class CaseDefinition(BaseModel):
    """A result under a condition."""

    type: Literal["CaseDefinition"]
    condition: StatementGroup
    result: CaseResult


class CasesDefinition(BaseModel):
    """The result of the first case whose condition holds, or the default."""

    type: Literal["CasesDefinition"]
    cases: list[CaseDefinition]
    default: CaseResult

    def resolve(self, scope: Scope) -> Any:
        """Raises InvalidRequest as conditions and results do."""
        for case in self.cases:
            if case.condition.holds(scope):
                return case.result.resolve(scope)
        return self.default.resolve(scope)
