"""Python blocks in definitions: refused unless allowed, run in a process without our secrets, held to limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from shared.workflows import detections as columns
from shared.workflows import errors
from shared.workflows.batch import Batch
from shared.workflows.block import FlowControl
from shared.workflows.compiler import compile_workflow
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.python.spare import SPARES
from shared.workflows.python.values import pack_value, unpack_value
from shared.workflows.services import Services
from shared.workflows.session import Session
from shared.workflows.settings import WorkflowSettings
from tests.unit.workflows.stubs import define, numbers

pytestmark = pytest.mark.timeout(180)


def block(code: str, name: str = "MyBlock", init: str | None = None, **manifest: Any) -> dict[str, Any]:
    value = {"type": "DynamicInputDefinition", "selector_types": ["generic", "input_parameter"], "value_types": ["any"]}
    described = {
        "type": "ManifestDescription",
        "block_type": name,
        "inputs": {"value": value},
        "outputs": {"output": {"type": "DynamicOutputDefinition", "kind": []}},
        **manifest,
    }
    python = {"type": "PythonCode", "run_function_code": code, "init_function_code": init}
    return {"type": "DynamicBlockDefinition", "manifest": described, "code": python}


def with_block(one: dict[str, Any], **more: Any) -> dict[str, Any]:
    steps = [{"type": one["manifest"]["block_type"], "name": "s", "value": "$inputs.n"}]
    return {**define([numbers()], steps), "dynamic_blocks_definitions": [one], **more}


@pytest.fixture(autouse=True)
def no_spares_left() -> Iterator[None]:
    yield
    SPARES.close()


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> WorkflowSettings:
    monkeypatch.setenv("VISIONFLEET_WORKFLOW_PYTHON", "true")
    monkeypatch.setenv("SECRET_OF_OURS", "hidden")
    return WorkflowSettings(workflow_python_timeout_s=2.0, workflow_python_spares=0)


def run(definition: dict[str, Any], settings: WorkflowSettings, values: list[Any]) -> list[Any]:
    with Session(compile_workflow(definition), Services(settings=settings)) as session:
        return [row["s"] for row in session.run({"n": values}).outputs]


DOUBLE = "def run(self, value):\n    return {'output': value * 2}\n"


def test_they_are_refused_unless_the_server_allows_them() -> None:
    with pytest.raises(errors.DynamicBlockError, match="VISIONFLEET_WORKFLOW_PYTHON"):
        compile_workflow(with_block(block(DOUBLE)))


def test_code_that_cannot_be_loaded_is_located(allowed: WorkflowSettings) -> None:
    with pytest.raises(errors.DynamicBlockCodeError, match="line 2") as caught:
        compile_workflow(with_block(block("def run(self, value):\n    return (\n")))
    assert caught.value.blocks[0]["block_traceback"]["error_line"] == 2
    with pytest.raises(errors.DynamicBlockCodeError, match="no function 'run'"):
        compile_workflow(with_block(block("def other(self, value): ...")))
    with pytest.raises(errors.DynamicBlockCodeError, match="no function 'init'"):
        compile_workflow(with_block(block(DOUBLE, init="x = 1")))
    with pytest.raises(errors.DynamicBlockError, match=r"malformed: manifest\.inputs"):
        compile_workflow(with_block({**block(DOUBLE), "manifest": {"type": "ManifestDescription", "block_type": "X"}}))
    outputs = {"output": {"type": "DynamicOutputDefinition", "kind": ["nothing"]}}
    with pytest.raises(errors.DynamicBlockError, match="there is no kind"):
        compile_workflow(with_block(block(DOUBLE, outputs=outputs)))
    with pytest.raises(errors.DynamicBlockError, match="already"):
        compile_workflow(with_block(block(DOUBLE, name="Crop")))


def test_the_code_runs_with_its_memory_and_without_our_secrets(allowed: WorkflowSettings) -> None:
    code = (
        "def run(self, value):\n"
        "    import os\n"
        "    from inference.core.workflows.execution_engine.entities.base import WorkflowImageData\n"
        "    self._init_results['calls'] += 1\n"
        "    print('to nowhere')\n"
        "    if value == 'raise':\n"
        "        raise KeyError('missing')\n"
        "    return {'output': [value, self._init_results['calls'], sorted(os.environ), np.arange(2)]}\n"
    )
    definition = with_block(block(code, init="def init():\n    return {'calls': 10}\n"))
    found = run(definition, allowed, ["a", "b"])
    assert [one[:2] for one in found] == [["a", 11], ["b", 12]]
    assert "SECRET_OF_OURS" not in found[0][2]
    assert not [name for name in found[0][2] if name.startswith("VISIONFLEET")]
    assert found[0][3].tolist() == [0, 1]
    with pytest.raises(errors.ClientCausedStepExecutionError, match="raised KeyError in line 7"):
        run(definition, allowed, ["raise"])


HELD = """
def run(self, value):
    while value[0] == 'time':
        pass
    if value[0] == 'memory':
        bytearray(8 * 2**30)
    if value[0] == 'file':
        open('f', 'w').write('x' * 100000)
    return [{'output': (one, len(value))} for one in value]
"""


def test_code_is_held_to_its_time_and_memory(allowed: WorkflowSettings) -> None:
    plan = compile_workflow(with_block(block(HELD, accepts_batch_input=True)))
    with Session(plan, Services(settings=allowed)) as session:
        assert session.run({"n": ["a", "b"]}).outputs == [{"s": ["a", 2]}, {"s": ["b", 2]}]
        with pytest.raises(errors.ClientCausedStepExecutionError, match="MemoryError"):
            session.run({"n": ["memory"]})
        with pytest.raises(errors.ClientCausedStepExecutionError):
            session.run({"n": ["file"]})
        with pytest.raises(errors.ClientCausedStepExecutionError) as caught:
            session.run({"n": ["time"]})
    assert caught.value.details["cause"]["code"] == "deadline_exceeded"


WHO = """
def run(self, value):
    import os
    return {'output': [os.getpid(), os.getcwd(), len(np.zeros(int(value), np.uint8))]}
"""


def test_a_warm_process_takes_the_code_and_its_limits(allowed: WorkflowSettings) -> None:
    settings = allowed.model_copy(update={"workflow_python_spares": 1})
    SPARES.warm(1)
    (spare,) = SPARES._waiting
    plan = compile_workflow(with_block(block(WHO)))
    with Session(plan, Services(settings=settings)) as session:
        (row,) = session.run({"n": [1]}).outputs
        assert row["s"] == [spare.process.pid, spare.folder.name, 1]
        assert SPARES.waiting == 1, "another one waits for the next step"
        with pytest.raises(errors.ClientCausedStepExecutionError, match="MemoryError"):
            session.run({"n": [settings.workflow_python_memory]})
    assert spare.process.poll() is not None, "it ends with the session: nothing of one run is there in another"
    (ended,) = SPARES._waiting
    ended.process.kill()
    ended.process.wait()
    with Session(plan, Services(settings=settings)) as session:
        (row,) = session.run({"n": [2]}).outputs
        assert row["s"][0] != ended.process.pid, "one that died meanwhile is not used"


def test_values_survive_the_way_in_and_out() -> None:
    image = WorkflowImage.from_pixels(np.arange(300, dtype=np.uint8).reshape(10, 10, 3), "root", VideoMetadata("v", 3))
    crop = image.crop(2, 3, 6, 8, "crop")
    found = columns.build([[0, 0, 2, 2]], [0.5], [1], ["a"], crop, mask=np.ones((1, 5, 4), bool), tracker_id=[7])
    found.data["points"] = columns.column([np.zeros((2, 2))])
    moment = datetime(2026, 1, 2, tzinfo=timezone.utc)
    values = {
        "image": crop,
        "found": found,
        3: [moment, b"x", None, {"$": "escaped"}],
        "flow": FlowControl(["$steps.a"]),
    }
    back = unpack_value(pack_value(values))
    assert back[3] == [moment, b"x", None, {"$": "escaped"}]
    assert back["flow"] == FlowControl(["$steps.a"])
    assert (back["image"].pixels == crop.pixels).all()
    assert back["image"].workflow_root_ancestor_metadata == crop.workflow_root_ancestor_metadata
    assert back["image"].video_metadata == crop.video_metadata
    assert columns.to_root(back["found"]).xyxy.tolist() == [[2, 3, 4, 5]]
    assert back["found"].tracker_id.tolist() == [7]
    assert back["found"].data["points"][0].shape == (2, 2)
    batch = unpack_value(pack_value(Batch([1], [(0, 1)])))
    assert (list(batch), batch.indices) == ([1], [(0, 1)])
    with pytest.raises(TypeError, match="cannot leave"):
        pack_value(object())
