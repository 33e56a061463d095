"""``dynamic_blocks_definitions``: Python blocks of a definition, checked and made into blocks."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from typing_extensions import override

from shared.workflows import errors, kinds
from shared.workflows.block import Block
from shared.workflows.errors import BlockError
from shared.workflows.fields import Selector, StepFields
from shared.workflows.python.process import PythonProcess
from shared.workflows.services import Services
from shared.workflows.settings import WorkflowSettings

TYPES: dict[str, Any] = {
    "any": Any,
    "integer": int,
    "float": float,
    "boolean": bool,
    "dict": dict[str, Any],
    "list": list[Any],
    "string": str,
}


class Input(BaseModel):
    """One field of a Python block."""

    type: Literal["DynamicInputDefinition"]
    has_default_value: bool = False
    default_value: Any = None
    is_optional: bool = False
    is_dimensionality_reference: bool = False
    dimensionality_offset: int = Field(0, ge=-1, le=1)
    selector_types: list[Literal["input_image", "step_output_image", "input_parameter", "step_output", "generic"]] = []
    selector_data_kind: dict[str, list[str]] = {}
    value_types: list[Literal["any", "integer", "float", "boolean", "dict", "list", "string"]] = []


class Output(BaseModel):
    """One output of a Python block; any kind when none is named."""

    type: Literal["DynamicOutputDefinition"]
    kind: list[str] = []


class Manifest(BaseModel):
    """What a Python block takes and gives."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["ManifestDescription"]
    block_type: str = Field(min_length=1, max_length=200)
    description: str = "A Python block of the definition."
    inputs: dict[str, Input]
    outputs: dict[str, Output] = {}
    output_dimensionality_offset: int = Field(0, ge=-1, le=1)
    accepts_batch_input: bool = False
    accepts_empty_values: bool = False
    batch_oriented_parameters: list[str] = []
    parameters_with_scalars_and_batches: list[str] = []
    get_parameters_enforcing_auto_batch_casting: list[str] = []


class Code(BaseModel):
    """Its code."""

    type: Literal["PythonCode"]
    run_function_code: str = Field(max_length=200_000)
    run_function_name: str = "run"
    init_function_code: str | None = Field(None, max_length=200_000)
    init_function_name: str = "init"
    imports: list[str] = []


class Definition(BaseModel):
    """One entry of ``dynamic_blocks_definitions``."""

    type: Literal["DynamicBlockDefinition"]
    manifest: Manifest
    code: Code


class PythonBlock(Block):
    """Base of all of them: ``run`` is a call into the block's process."""

    python: ClassVar[Code]

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        code = self.python
        text = "\n\n".join(part for part in (code.run_function_code, code.init_function_code) if part)
        setup = {"code": text, "imports": code.imports, "run": code.run_function_name, "step": step}
        setup["init"] = code.init_function_name if code.init_function_code else ""
        self._process = PythonProcess(setup, services.settings)

    def run(self, **fields: Any) -> Any:
        """What the code answers."""
        return self._process.call(fields)

    @override
    def close(self) -> None:
        """End the process."""
        self._process.close()


def blocks(raw: Sequence[Any], settings: WorkflowSettings) -> list[type[Block]]:
    """The blocks that these entries define; of several with one name the first counts.

    Raises:
        DynamicBlockError: they are not allowed here, or one is malformed.
        DynamicBlockCodeError: the code of one is no Python, or lacks its function.
    """
    if raw and not settings.workflow_python:
        message = "The definition has Python blocks, and this server does not run them (VISIONFLEET_WORKFLOW_PYTHON)."
        raise errors.DynamicBlockError(message, errors.DYNAMIC_BLOCKS)
    made: dict[str, type[Block]] = {}
    for entry in raw:
        try:
            definition = Definition.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            message = f"A Python block is malformed: {where}: {first['msg']}"
            raise errors.DynamicBlockError(message, errors.DYNAMIC_BLOCKS, inner=error) from error
        made.setdefault(definition.manifest.block_type, _block(definition))
    return list(made.values())


def _block(definition: Definition) -> type[Block]:
    manifest, code = definition.manifest, definition.code
    name = manifest.block_type
    _check_code(name, code.run_function_code, code.run_function_name)
    if code.init_function_code:
        _check_code(name, code.init_function_code, code.init_function_name)
    try:
        fields: dict[str, Any] = {field: _field(given) for field, given in manifest.inputs.items()}
        described = create_model("Fields", __base__=StepFields, __doc__=manifest.description, **fields)
        offsets = {field: given.dimensionality_offset for field, given in manifest.inputs.items()}
        batch = manifest.batch_oriented_parameters or (_selected(manifest) if manifest.accepts_batch_input else [])
        return type(
            "Python_" + "".join(c if c.isalnum() else "_" for c in name),
            (PythonBlock,),
            {
                "__doc__": manifest.description,
                "__module__": __name__,
                "ids": (name,),
                "label": name,
                "summary": manifest.description,
                "category": "custom",
                "outputs": {out: tuple(given.kind) or (kinds.ANY,) for out, given in manifest.outputs.items()},
                "Fields": described,
                "batch": tuple(batch),
                "batch_or_scalar": tuple(manifest.parameters_with_scalars_and_batches),
                "auto_batch": tuple(manifest.get_parameters_enforcing_auto_batch_casting),
                "input_offsets": {field: given for field, given in offsets.items() if given},
                "reference": next((f for f, i in manifest.inputs.items() if i.is_dimensionality_reference), None),
                "output_offset": manifest.output_dimensionality_offset,
                "accepts_empty": manifest.accepts_empty_values,
                "python": code,
            },
        )
    except ValueError as error:
        message = f"The Python block {name!r} contradicts itself: {error}"
        raise errors.DynamicBlockError(message, errors.DYNAMIC_BLOCKS, [BlockError(name, name)], error) from error


def _selected(manifest: Manifest) -> list[str]:
    return [name for name, given in manifest.inputs.items() if set(given.selector_types) - {"input_parameter"}]


def _field(given: Input) -> Any:
    taken = {kind for names in given.selector_data_kind.values() for kind in names}
    if not taken and given.selector_types and set(given.selector_types) <= {"input_image", "step_output_image"}:
        taken = {kinds.IMAGE}
    members: list[Any] = [TYPES[name] for name in given.value_types]
    if given.selector_types:
        members.insert(0, Annotated[str, Selector(*sorted(taken))])
    if given.is_optional:
        members.append(type(None))
    annotation = Union.__getitem__(tuple(members)) if members else Any
    if given.has_default_value:
        return annotation, given.default_value
    return (annotation, None) if given.is_optional else (annotation, ...)


def _check_code(name: str, code: str, function: str) -> None:
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        line = (code.splitlines() or [""])[(error.lineno or 1) - 1 : error.lineno]
        trace = {"traceback": None, "error_line": error.lineno, "code_snippet": "\n".join(line), "stdout": None}
        block = BlockError(name, name, "code", str(error.msg), block_traceback={**trace, "stderr": None})
        message = f"The code of the Python block {name!r} is no Python: line {error.lineno}: {error.msg}"
        raise errors.DynamicBlockCodeError(message, errors.DYNAMIC_BLOCKS, [block], error) from error
    if not any(isinstance(part, ast.FunctionDef) and part.name == function for part in tree.body):
        block = BlockError(name, name, "code", f"It has no function {function!r}.")
        message = f"The code of the Python block {name!r} has no function {function!r}."
        raise errors.DynamicBlockCodeError(message, errors.DYNAMIC_BLOCKS, [block])
