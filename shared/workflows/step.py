"""Run one step: pick its elements, gather its fields, call the block, keep the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.errors import VisionfleetError
from shared.workflows import errors
from shared.workflows.batch import Batch, Index
from shared.workflows.block import Block, FlowControl
from shared.workflows.data import RunData
from shared.workflows.errors import BlockError
from shared.workflows.graph import branches, step_refs
from shared.workflows.plan import StepPlan
from shared.workflows.selectors import Ref, Template
from shared.workflows.trace import Trace


class StepRun:
    """One step of one run."""

    def __init__(self, step: StepPlan, block: Block, data: RunData, trace: Trace) -> None:
        self.step, self.block, self.data, self.trace = step, block, data, trace
        self._names = step.block.spec.names
        self._checked = step.block.actual_outputs(step.manifest)

    def __call__(self) -> None:
        """Do all of it. Raises RunError."""
        with self.trace.span("step_execution", step=self.step.name, type=self.step.manifest.type):
            if self.step.lineage:
                self._per_element()
            else:
                self._once()

    def _once(self) -> None:
        step, data = self.step, self.data
        answer = None
        if data.allowed(step, ()) and (self.block.accepts_empty or not self._empty_scalar()):
            fields = {name: self._alone(name) for name in self._names}
            answer = self._call(fields, 1)
            if step.alone and step.block.batch:
                answer = self._list(answer, 1)[0]
        self._keep([()] if answer is not None else [], [answer])

    def _alone(self, name: str) -> Any:
        """A field of a step that runs once; single values are wrapped for a block that takes batches."""
        filled = self.step.params[name]
        if self.step.alone and self._takes_batch(name) and self._points(filled):
            return _shaped(filled, lambda ref: Batch([self.data.value(ref)], [(0,)]))
        return _shaped(filled, self.data.value)

    def _per_element(self) -> None:
        step, block = self.step, self.step.block
        if self._empty_scalar() and not block.accepts_empty:
            self._keep([], [])
            return
        if block.output_offset == -1 and self._has_batch_data():
            parts = self.data.parts[step.lineage]
            where = [index for index, children in parts.items() if children and self.data.allowed(step, index)]
        else:
            where = [index for index in self.data.indices[step.lineage] if self._runs_for(index)]
        if block.spec.takes_batches:
            answers = self._all_at_once(where) if where else []
        else:
            answers = [self._call({name: self._field(name, index) for name in self._names}) for index in where]
        self._keep(where, answers)

    def _all_at_once(self, where: list[Index]) -> list[Any]:
        fields = {name: self._batched(name, where) for name in self._names}
        return self._list(self._call(fields, len(where)), len(where))

    def _runs_for(self, index: Index) -> bool:
        if not self.data.allowed(self.step, index):
            return False
        if self.block.accepts_empty:
            return True
        return all(
            self.data.value(ref, index) is not None
            for field, _, ref in step_refs(self.step)
            if field not in self.step.offsets and self.data.plan.lineage_of(ref)
        )

    def _field(self, name: str, index: Index) -> Any:
        """One field for one element: its value, or a batch of its parts where the field is a level deeper."""
        return _shaped(self.step.params[name], lambda ref: self._of(ref, name, index))

    def _of(self, ref: Ref, name: str, index: Index) -> Any:
        lineage = self.data.plan.lineage_of(ref)
        collapsing = self.step.block.output_offset == -1
        if not lineage:
            single = self.data.value(ref)
            return self._repeated(single, index) if collapsing and self._takes_batch(name) else single
        if name not in self.step.offsets and not collapsing:
            return self.data.value(ref, index)
        children = [child for child in self.data.children(lineage, index) if self._counts(ref, child)]
        return Batch([self.data.value(ref, child) for child in children], children)

    def _takes_batch(self, name: str) -> bool:
        return name in (*self.step.block.batch, *self.step.block.auto_batch)

    def _repeated(self, value: Any, parent: Index) -> Batch[Any]:
        """A single value beside the parts of an element: once for each of them."""
        children = self.data.children(self.step.lineage, parent)
        return Batch([value] * len(children), children)

    def _counts(self, ref: Ref, child: Index) -> bool:
        """Whether a part belongs into the batch of its parent."""
        if self.block.accepts_empty:
            return True
        return self.data.value(ref, child) is not None and self.data.allowed(self.step, child)

    def _batched(self, name: str, where: list[Index]) -> Any:
        """One field for all elements together."""
        filled, block = self.step.params[name], self.step.block

        def gather(ref: Ref) -> Any:
            if not self.data.plan.lineage_of(ref) and name not in block.batch:
                return self.data.value(ref)
            return Batch([self._of(ref, name, index) for index in where], where)

        return _shaped(filled, gather)

    def _empty_scalar(self) -> bool:
        """Whether a step that should have given a single value gave none."""
        return any(
            not ref.is_input and not self.data.plan.lineage_of(ref) and self.data.value(ref) is None
            for _, _, ref in step_refs(self.step)
        )

    def _has_batch_data(self) -> bool:
        return any(self.data.plan.lineage_of(ref) for _, _, ref in step_refs(self.step))

    @staticmethod
    def _points(filled: Template) -> bool:
        items = filled.values() if isinstance(filled, dict) else filled if isinstance(filled, list) else [filled]
        return any(isinstance(item, Ref) for item in items)

    def _call(self, fields: dict[str, Any], elements: int = 1) -> Any:
        step = self.step
        runner: Any = self.block
        with self.trace.span("step_code_execution", step=step.name, elements=elements):
            try:
                return runner.run(**fields)
            except errors.WorkflowError:
                raise
            except VisionfleetError as error:
                where = BlockError(step.name, step.manifest.type, property_details=error.message)
                message = f"Step {step.name!r}: {error.message}"
                raise errors.ClientCausedStepExecutionError(message, error, where) from error
            except Exception as error:
                where = BlockError(step.name, step.manifest.type, property_details=_told(error))
                message = f"Step {step.name!r} failed: {_told(error)}"
                raise errors.StepExecutionError(message, errors.RUN_STEP, [where], error) from error

    def _list(self, answers: Any, count: int) -> list[Any]:
        if not isinstance(answers, Sequence) or isinstance(answers, str) or len(answers) != count:
            raise self._broken(f"it must answer with a list of {count}")
        return list(answers)

    def _keep(self, where: list[Index], answers: list[Any]) -> None:
        step, data = self.step, self.data
        if step.block.spec.controls:
            data.decide(step, dict(zip(where, map(self._decision, answers), strict=False)), list(branches(step)))
        elif step.block.output_offset == 1:
            parts = {index: self._parts(answer) for index, answer in zip(where, answers, strict=False)}
            data.store(step, data.extend(step.output_lineage, parts))
        else:
            kept = {index: self._answer(answer) for index, answer in zip(where, answers, strict=False)}
            data.store(step, kept)

    def _decision(self, answer: Any) -> FlowControl:
        if not isinstance(answer, FlowControl):
            raise self._broken(f"flow control answers with FlowControl, not {type(answer).__name__}")
        return answer

    def _parts(self, answer: Any) -> list[Any]:
        if not isinstance(answer, list):
            raise self._broken(f"it must answer with a list of parts, not {type(answer).__name__}")
        return [self._answer(part) for part in answer]

    def _answer(self, answer: Any) -> dict[str, Any] | None:
        if answer is None:
            return None
        if not isinstance(answer, dict):
            raise self._broken(f"it must answer with its outputs by name, not {type(answer).__name__}")
        names = set(self._checked) - {"*"}
        if not names <= set(answer) or ("*" not in self._checked and set(answer) != names):
            raise self._broken(f"it answered with {sorted(answer)} and declares {sorted(names)}")
        return answer

    def _broken(self, why: str) -> errors.ExecutionEngineRuntimeError:
        where = BlockError(self.step.name, self.step.manifest.type, property_details=why)
        message = f"Step {self.step.name!r} broke its contract: {why}."
        return errors.ExecutionEngineRuntimeError(message, errors.RUN_OUTPUT, [where])


def _shaped(filled: Template, value: Any) -> Any:
    """A template with ``value`` of each Ref in its place."""
    if isinstance(filled, Ref):
        return value(filled)
    if isinstance(filled, list):
        return [value(item) if isinstance(item, Ref) else item for item in filled]
    if isinstance(filled, dict):
        return {key: value(item) if isinstance(item, Ref) else item for key, item in filled.items()}
    return filled


def _told(error: Exception) -> str:
    """What a user may read of a block's failure: its type, and the text where a value was simply wrong."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, ValueError | TypeError | KeyError | IndexError) else name
