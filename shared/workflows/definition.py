"""A definition as it is written: JSON or YAML with ``version``, ``inputs``, ``steps`` and ``outputs``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from shared.workflows import errors, kinds
from shared.workflows.catalog import ENGINE_VERSION
from shared.workflows.fields import STEP_NAME

Raw: TypeAlias = Mapping[str, Any]
MAX_CHARACTERS = 2_000_000
Name: TypeAlias = Annotated[str, Field(pattern=f"^{STEP_NAME}$")]


class _Input(BaseModel):
    name: Name
    kind: list[str] = Field(default=[kinds.ANY])

    @field_validator("kind", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """Kinds may be given as objects; only their names matter."""
        if isinstance(value, list):
            return [item.get("name") if isinstance(item, dict) else item for item in value]
        return value


class ImageInput(_Input):
    """One image, or several that are worked on side by side."""

    type: Literal["WorkflowImage", "InferenceImage"]
    kind: list[str] = Field(default=[kinds.IMAGE])
    dimensionality: int = 1


class VideoMetadataInput(_Input):
    """Where frames come from; images may carry it themselves."""

    type: Literal["WorkflowVideoMetadata"]
    kind: list[str] = Field(default=[kinds.VIDEO_METADATA])
    dimensionality: int = 1


class BatchInput(_Input):
    """Elements of any kind, nested to any depth."""

    type: Literal["WorkflowBatchInput"]
    dimensionality: int = 1


class ParameterInput(_Input):
    """One value for the whole run."""

    type: Literal["WorkflowParameter", "InferenceParameter"]
    default_value: Any = None
    dimensionality: int = 0


WorkflowInput: TypeAlias = Annotated[
    ImageInput | VideoMetadataInput | BatchInput | ParameterInput, Field(discriminator="type")
]


class WorkflowOutput(BaseModel):
    """One field of the result; detections in it are moved to the root image, unless ``own`` is asked for."""

    type: Literal["JsonField"]
    name: str
    selector: str
    coordinates_system: Literal["own", "parent"] = "parent"


class Step(BaseModel):
    """What every step has; the rest is the block's to check."""

    model_config = ConfigDict(extra="allow")

    type: str
    name: Name


class Definition(BaseModel):
    """The whole of it."""

    version: str
    inputs: list[WorkflowInput]
    steps: list[dict[str, Any]]
    outputs: list[WorkflowOutput]


INPUTS = TypeAdapter(list[WorkflowInput])


def load(text: str | bytes) -> dict[str, Any]:
    """JSON or YAML as plain data. Raises WorkflowSyntaxError, with the line of the mistake."""
    if len(text) > MAX_CHARACTERS:
        raise errors.WorkflowSyntaxError(f"The definition has more than {MAX_CHARACTERS} characters.", errors.PARSING)
    try:
        data = json.loads(text)
    except ValueError:
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            message = f"The definition is neither JSON nor YAML: {error}"
            raise errors.WorkflowSyntaxError(message, errors.PARSING) from error
    if not isinstance(data, dict):
        raise errors.WorkflowSyntaxError("A definition is an object with inputs, steps and outputs.", errors.PARSING)
    return data


def parse(raw: Raw) -> Definition:
    """Check everything but the steps' own fields. Raises DefinitionError."""
    check_version(raw.get("version"))
    try:
        definition = Definition.model_validate(dict(raw))
    except ValidationError as error:
        raise errors.WorkflowSyntaxError(
            f"The definition is malformed: {_first(error)}", errors.PARSING, _blocks(raw, error), error
        ) from error
    for kind, names in (
        ("inputs", [item.name for item in definition.inputs]),
        ("steps", [str(step.get("name")) for step in definition.steps]),
        ("outputs", [item.name for item in definition.outputs]),
    ):
        _unique(kind, names)
    for item in definition.inputs:
        _check_dimensionality(item)
    return definition


def check_version(version: Any) -> None:
    """Raises WorkflowDefinitionError for what is no version, NotSupportedExecutionEngineError for another one."""
    if version is None:
        return  # the missing key is reported with all others
    try:
        asked = Version(str(version))
    except InvalidVersion as error:
        message = f"{version!r} is no version; write 1.0, or up to {ENGINE_VERSION}."
        raise errors.WorkflowDefinitionError(message, errors.ENGINE, inner=error) from error
    if not SpecifierSet(f">={asked},<{asked.major + 1}.0.0").contains(ENGINE_VERSION):
        message = f"Version {version} of the workflow language is not supported; this server has {ENGINE_VERSION}."
        raise errors.NotSupportedExecutionEngineError(message, errors.ENGINE)


def _check_dimensionality(item: ImageInput | VideoMetadataInput | BatchInput | ParameterInput) -> None:
    least, most = {"WorkflowBatchInput": (1, 32)}.get(item.type, (1, 1))
    if isinstance(item, ParameterInput):
        least = most = 0
    if not least <= item.dimensionality <= most:
        block = errors.BlockError(f"$inputs.{item.name}", item.type, "dimensionality")
        raise errors.ExecutionGraphStructureError(
            f"Input {item.name!r} cannot have dimensionality {item.dimensionality}.", errors.GRAPH, [block]
        )


def _unique(kind: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise errors.DuplicatedNameError(f"Several {kind} are called {twice[0]!r}.", errors.VALIDATION)


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _blocks(raw: Raw, error: ValidationError) -> list[errors.BlockError]:
    found = []
    for one in error.errors(include_url=False, include_input=False):
        where, detail = one["loc"], one["msg"]
        entry = _entry(raw, where)
        prefix = {"inputs": "$inputs", "outputs": "$outputs", "steps": "$steps"}.get(str(where[0]), "$definition")
        name = str(entry.get("name", "")) if entry else ""
        block_id = f"{prefix}.{name}" if prefix == "$inputs" and name else name if prefix == "$steps" else prefix
        found.append(errors.BlockError(block_id, entry.get("type"), str(where[-1]), detail))
    return found


def _entry(raw: Raw, where: tuple[int | str, ...]) -> dict[str, Any]:
    if len(where) < 2 or not isinstance(where[1], int):
        return {}
    entry = raw[str(where[0])][where[1]]
    return entry if isinstance(entry, dict) else {}
