"""A session: the blocks of one plan with their memory. One per HTTP run, one per stream for as long as it lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import Self

from shared.workflows import errors, graph, inputs, results, serialise
from shared.workflows.block import Block
from shared.workflows.errors import BlockError
from shared.workflows.executor import Executor, nothing
from shared.workflows.plan import Plan, StepPlan
from shared.workflows.selectors import Ref
from shared.workflows.services import Services
from shared.workflows.step import StepRun
from shared.workflows.trace import Trace


@dataclass(frozen=True)
class RunResult:
    """One run: an entry of outputs per element, and how long what took."""

    outputs: list[dict[str, Any]]
    trace: Trace


class Session:
    """Runs follow one another; what blocks remember goes from run to run. Close it in the end."""

    def __init__(
        self,
        plan: Plan,
        services: Services | None = None,
        init_values: Mapping[str, Any] | None = None,
        executor: Executor | None = None,
    ) -> None:
        """``executor`` may serve other sessions too; without one the session has its own.

        Raises BlockInitParameterNotProvidedError when a block needs a value that ``init_values`` lacks.
        """
        self.plan = plan
        self.services = services or Services()
        self._executor = executor or Executor(self.services.settings.workflow_concurrent_steps)
        self._owned = executor is None
        self._lock = threading.Lock()
        self.blocks = {name: self._block(step, init_values or {}) for name, step in plan.steps.items()}

    def run(
        self,
        given: Mapping[str, Any],
        *,
        serialised: bool = False,
        without: Collection[str] = (),
        proceed: Callable[[], None] = nothing,
    ) -> RunResult:
        """Run the plan once.

        Args:
            given: values of the inputs by name; a list for several elements.
            serialised: answer with JSON values instead of images and detections.
            without: outputs to leave out.
            proceed: called before each step; raises to end the run.

        Raises:
            RunError: with the step to blame. Nothing of a failed run is answered.
        """
        trace = Trace()
        with self._lock, trace.span("workflow_execution"):
            with trace.span("workflow_input_assembly"):
                data = inputs.assemble(self.plan, given, self.services.settings.workflow_max_image_pixels)
            work = {name: StepRun(step, self.blocks[name], data, trace) for name, step in self.plan.steps.items()}
            self._executor.run(self.plan, work, proceed)
            with trace.span("outputs_construction"):
                outputs = results.construct(self.plan, data)
        if serialised:
            with trace.span("serialisation"):
                outputs = self._serialised(outputs, without)
        elif without:
            outputs = [{name: value for name, value in row.items() if name not in without} for row in outputs]
        return RunResult(outputs, trace)

    def close(self) -> None:
        """Let go of threads and of what blocks hold."""
        for block in self.blocks.values():
            block.close()
        if self._owned:
            self._executor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _block(self, step: StepPlan, values: Mapping[str, Any]) -> Block:
        missing = [name for name in step.block.init if name not in values]
        if missing:
            where = BlockError(step.name, step.manifest.type, missing[0])
            message = f"Step {step.name!r} needs {missing[0]!r} from whoever runs this engine, and it was not given."
            raise errors.BlockInitParameterNotProvidedError(message, errors.INITIALISATION, [where])
        return step.block(self.services, step.name, {name: values[name] for name in step.block.init})

    def _serialised(self, outputs: list[dict[str, Any]], without: Collection[str]) -> list[dict[str, Any]]:
        names = {
            output.output.name: _kinds(self.plan, output.source)
            for output in self.plan.outputs
            if output.output.name not in without
        }
        return [{name: _written(row[name], found) for name, found in names.items()} for row in outputs]


def _written(value: Any, names: Any) -> Any:
    """A value for JSON; ``names`` are its kinds, by output where it is all outputs of a step."""
    if not isinstance(names, dict):
        return serialise.write(value, names)
    if isinstance(value, list):
        return [_written(item, names) for item in value]
    return {part: serialise.write(value[part], found) for part, found in names.items()}


def _kinds(plan: Plan, source: Ref | dict[str, Ref]) -> Any:
    if isinstance(source, dict):
        return {name: graph.kinds_of(plan, ref) for name, ref in source.items()}
    return graph.kinds_of(plan, source)
