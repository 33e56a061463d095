"""What can be wrong with a workflow. Class names are the wire's ``error_type``; contexts are stable.

WorkflowError
├── DefinitionError             found before anything runs: the caller's to mend
│   ├── WorkflowSyntaxError, WorkflowDefinitionError, DuplicatedNameError, InvalidReferenceTargetError, ...
└── RunError                    found while it runs
    ├── RuntimeInputError       the inputs do not fit the definition
    ├── ClientCausedStepExecutionError   a step refused, and said why
    ├── StepExecutionError      a step failed
    └── ExecutionEngineRuntimeError      a block broke its contract
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from shared.errors import ImageTooLarge, InvalidImage, VisionfleetError
from shared.errors import WorkflowError as Base

PARSING = "workflow_compilation | workflow_definition_parsing"
VALIDATION = "workflow_compilation | specification_validation"
GRAPH = "workflow_compilation | execution_graph_construction"
INITIALISATION = "workflow_compilation | steps_initialisation"
ENGINE = "workflow_compilation | engine_initialisation"
DYNAMIC_BLOCKS = "workflow_compilation | dynamic_blocks_compilation"
INNER = "workflow_compilation | inner_workflow_composition"
LOADING = "blocks_loading"
RUN_INPUTS = "workflow_execution | runtime_input_validation"
RUN_STEP = "workflow_execution | step_execution"
RUN_ASSEMBLY = "workflow_execution | step_input_assembling"
RUN_OUTPUT = "workflow_execution | step_output_registration"
RUN_RESULTS = "workflow_execution | output_construction"


@dataclass(frozen=True)
class BlockError:
    """Which step, and which of its fields, is to blame; ``$outputs`` stands for the definition's outputs."""

    block_id: str
    block_type: str | None = None
    property_name: str | None = None
    property_details: str | None = None
    block_details: str | None = None
    block_traceback: dict[str, Any] | None = None


class WorkflowError(Base):
    """Base: message, where in the work it happened, and the blocks to blame."""

    status: ClassVar[int] = 400

    def __init__(
        self, message: str, context: str = GRAPH, blocks: Sequence[BlockError] = (), inner: BaseException | None = None
    ) -> None:
        details: dict[str, Any] = {
            "error_type": type(self).__name__,
            "status": self.status,
            "context": context,
            "inner_error_type": None if inner is None else type(inner).__name__,
            "inner_error_message": str(inner) if isinstance(inner, VisionfleetError | ValueError) else None,
            "blocks_errors": [asdict(block) for block in blocks],
        }
        super().__init__(message, **details)

    @property
    def context(self) -> str:
        """Where in the work it happened."""
        return str(self.details["context"])

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The blocks to blame."""
        return list(self.details["blocks_errors"])


class DefinitionError(WorkflowError):
    """The definition cannot be compiled."""


class WorkflowSyntaxError(DefinitionError):
    """A key is missing, a block unknown, a field of the wrong type."""


class WorkflowDefinitionError(DefinitionError):
    """The definition as a whole, such as its version."""


class DuplicatedNameError(WorkflowDefinitionError):
    """Two inputs, steps or outputs have one name."""


class NotSupportedExecutionEngineError(DefinitionError):
    """The definition asks for another version of the language."""


class InvalidReferenceTargetError(DefinitionError):
    """A selector points at nothing."""


class ExecutionGraphStructureError(DefinitionError):
    """Steps are connected in a way that cannot run."""


class ReferenceTypeError(DefinitionError):
    """A step is given a kind that it does not take."""


class StepInputDimensionalityError(DefinitionError):
    """A step is given elements of levels that do not go together."""


class StepInputLineageError(DefinitionError):
    """A step is given elements that do not come from the same source."""


class ControlFlowDefinitionError(DefinitionError):
    """Flow control decides about elements that its target does not have."""


class DynamicBlockError(DefinitionError):
    """A Python block in the definition is malformed, or such blocks are not allowed here."""


class DynamicBlockCodeError(DynamicBlockError):
    """The code of a Python block cannot be loaded."""


class InnerWorkflowError(DefinitionError):
    """An inner workflow is missing, nested too deep, or given the wrong parameters."""


class BlockInitParameterNotProvidedError(DefinitionError):
    """A block needs a value from the engine's owner and it was not given."""

    status = 500


class PluginLoadingError(DefinitionError):
    """A plug-in package cannot be imported, or has no blocks to offer."""

    status = 500


class RunError(WorkflowError):
    """The run failed."""

    status = 500


class RuntimeInputError(RunError):
    """The inputs do not fit the definition."""

    status = 400


class ClientCausedStepExecutionError(RunError):
    """A step refused what it was given; ``cause`` in the details is the error that it raised."""

    status = 400

    def __init__(self, message: str, cause: VisionfleetError, block: BlockError) -> None:
        super().__init__(message, RUN_STEP, [block], cause)
        self.details["cause"] = cause.to_dict()


class StepExecutionError(RunError):
    """A step failed."""


class ExecutionEngineRuntimeError(RunError):
    """A block answered with something other than it declares."""


def of_job(error: VisionfleetError) -> VisionfleetError:
    """The error that a job ends with: a picture that no step could decode is told as it is for a job of a model."""
    cause = error.details.get("cause")
    code = cause.get("code") if isinstance(cause, dict) else None
    kind = next((kind for kind in (InvalidImage, ImageTooLarge) if kind.code == code), None)
    return error if kind is None else kind(error.message, blocks_errors=error.details.get("blocks_errors"))
