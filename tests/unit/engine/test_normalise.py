"""Pixels become values where the graph runs: the same values as on the processor's way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from tests.unit.engine import kernels
from tests.unit.engine.host_place import HOST, pretend
from tests.unit.engine.small_graphs import widen
from worker_service.engine.engine import Engine
from worker_service.engine.manifest import InputSpec
from worker_service.engine.runtime.ladder import Ladder
from worker_service.engine.runtime.lane import Lane
from worker_service.engine.runtime.session import Runtime, signature_of
from worker_service.engine.runtime.widen import GRAPH
from worker_service.engine.vision.fit import fit, fit_pixels, scale_of
from worker_service.settings import EngineSettings

SPECS = {
    "plain": InputSpec(width=32, height=24),
    "imagenet": InputSpec(
        width=32, height=24, resize="stretch", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), pad=0
    ),
    "bgr": InputSpec(width=32, height=24, channels="bgr", scale=1.0, mean=(103.5, 116.3, 123.7), pad=200),
}


TYPES = {"float32": onnx.TensorProto.FLOAT, "float16": onnx.TensorProto.FLOAT16}


def identity(path: Path, dtype: str) -> Path:
    info = [helper.make_tensor_value_info(name, TYPES[dtype], ["n", 3, 24, 32]) for name in ("images", "out")]
    made = helper.make_graph([helper.make_node("Identity", ["images"], ["out"])], "g", info[:1], info[1:])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def on_processor(path: Path) -> ort.InferenceSession:
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def laddered(session: ort.InferenceSession) -> Ladder:
    signature = signature_of(session)
    lane = Lane(session, HOST.stream(), signature, [1, 4], HOST.device)
    return Ladder([lane], signature, HOST, normalises=True)


def without_ids(result: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [{k: v for k, v in row.items() if k != "detection_id"} for row in result["predictions"]]
    assert rows
    return rows


def test_the_graph_and_the_kernels_are_those_that_the_scripts_write() -> None:
    assert GRAPH.read_bytes() == widen(), "run: python -m tests.unit.engine.small_graphs"
    assert kernels.COMPILED.read_text().startswith(kernels.digest()), "run: python -m tests.unit.engine.kernels"


def test_outputs_in_half_precision_come_as_they_are_in_float32(tmp_path: Path) -> None:
    """Answers are worked out in float32, which numpy is made for."""
    session = Runtime(EngineSettings(intra_op_threads=1)).open(identity(tmp_path / "g.onnx", "float16"))
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    images = np.resize(every, (40, 3, 24, 32))
    (found,) = session.run({"images": images})
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images.astype(np.float32))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_values_are_the_same_to_the_bit(tmp_path: Path, spec: InputSpec, dtype: str) -> None:
    ladder = laddered(on_processor(identity(tmp_path / "g.onnx", dtype)))
    drawn = np.random.default_rng(3)
    for count in (1, 3, 2):  # padded, and in buffers that were used before
        images = [drawn.integers(0, 256, (40, 50, 3), np.uint8) for _ in range(count)]
        pixels = [fit_pixels(image, spec)[0] for image in images]
        (found,) = ladder.run([{"images": each} for each in pixels], scale_of(spec))
        expected = np.stack([fit(image, spec)[0] for image in images]).astype(dtype)
        np.testing.assert_array_equal(found, expected)


def test_models_answer_the_same_with_pixels_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole model whose session is made to believe that it is on a GPU."""
    image = np.random.default_rng(1).integers(0, 256, (120, 90, 3), np.uint8)
    settings = EngineSettings(model_dirs=(Path("models"),), intra_op_threads=1, warm_up=False)
    (expected,) = Engine(settings).infer("shapes-detector", [image], {"confidence": 0.01})
    sent, run = list[Any](), Ladder.run
    monkeypatch.setattr(Ladder, "run", lambda ladder, *asked: sent.append(asked) or run(ladder, *asked))
    pretend(monkeypatch)
    on_gpu = settings.model_copy(update={"profile": "gpu", "max_batch": 2})
    (found,) = Engine(on_gpu).infer("shapes-detector", [image], {"confidence": 0.01})
    (((item,), scale),) = sent
    assert [(array.dtype.name, array.shape[-1]) for array in item.values()] == [("uint8", 3)]
    assert scale is not None
    assert without_ids(found.to_dict()) == without_ids(expected.to_dict())
