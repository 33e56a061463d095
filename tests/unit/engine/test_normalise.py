"""Pixels become values where the graph runs: the same values as on the processor's way."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from tests.unit.engine.small_graphs import TYPES, all_of_them
from worker_service.engine.engine import Engine
from worker_service.engine.manifest import InputSpec
from worker_service.engine.runtime.ladder import Ladder
from worker_service.engine.runtime.memory import Plain
from worker_service.engine.runtime.normalise import GRAPHS, Normaliser
from worker_service.engine.runtime.session import Runtime, read_signature, signature_of
from worker_service.engine.vision.fit import as_pixels, fit, scale_of
from worker_service.settings import EngineSettings

SPECS = {
    "plain": InputSpec(width=32, height=24),
    "imagenet": InputSpec(
        width=32, height=24, resize="stretch", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), pad=0
    ),
    "bgr": InputSpec(width=32, height=24, channels="bgr", scale=1.0, mean=(103.5, 116.3, 123.7), pad=200),
}


def identity(path: Path, dtype: str) -> Path:
    info = [helper.make_tensor_value_info(name, TYPES[dtype], ["n", 3, 24, 32]) for name in ("images", "out")]
    made = helper.make_graph([helper.make_node("Identity", ["images"], ["out"])], "g", info[:1], info[1:])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def on_processor(path: Path) -> ort.InferenceSession:
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def without_ids(result: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [{k: v for k, v in row.items() if k != "detection_id"} for row in result["predictions"]]
    assert rows
    return rows


def test_the_graphs_are_those_that_the_script_writes() -> None:
    for path, content in all_of_them().items():
        assert path.read_bytes() == content, "run: python -m tests.unit.engine.small_graphs"


def test_outputs_in_half_precision_come_as_they_are_in_float32(tmp_path: Path) -> None:
    """Answers are worked out in float32, which numpy is made for."""
    session = Runtime(EngineSettings(intra_op_threads=1)).open(identity(tmp_path / "g.onnx", "float16"))
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    images = np.resize(every, (40, 3, 24, 32))
    (found,) = session.run({"images": images})
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images.astype(np.float32))


@pytest.mark.parametrize("dtype", GRAPHS)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_values_are_the_same_to_the_bit(tmp_path: Path, spec: InputSpec, dtype: str) -> None:
    path = identity(tmp_path / "g.onnx", dtype)
    normaliser = Normaliser(on_processor, dtype, "cpu")
    ladder = Ladder(on_processor(path), read_signature(path), (1, 4), "cpu", Plain(), normaliser)
    drawn = np.random.default_rng(3)
    for count in (1, 3, 2):  # padded, and in buffers that were used before
        images = [drawn.integers(0, 256, (40, 50, 3), np.uint8) for _ in range(count)]
        pixels = [fit(image, as_pixels(spec), np.uint8)[0] for image in images]
        (found,) = ladder.run([{"images": each} for each in pixels], scale_of(spec))
        expected = np.stack([fit(image, spec)[0] for image in images]).astype(dtype)
        np.testing.assert_array_equal(found, expected)


def test_models_answer_the_same_with_pixels_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole model whose session is made to believe that it is on a GPU."""
    image = np.random.default_rng(1).integers(0, 256, (120, 90, 3), np.uint8)
    settings = EngineSettings(model_dirs=(Path("models"),), intra_op_threads=1, warm_up=False)
    sent: list[Any] = []

    def ladder_of(runtime: Runtime, path: Path, session: ort.InferenceSession, providers: Any) -> Ladder:
        opened = partial(runtime._opened, providers=providers)
        dtype = session.get_inputs()[0].type.removeprefix("tensor(").removesuffix(")").replace("float", "float32")
        made = Ladder(session, signature_of(session), (1, 8), "cpu", Plain(), Normaliser(opened, dtype, "cpu"))
        run = made.run
        monkeypatch.setattr(made, "run", lambda items, scale=None: sent.append((items, scale)) or run(items, scale))
        return made

    (expected,) = Engine(settings).infer("shapes-detector", [image], {"confidence": 0.01})
    monkeypatch.setattr(Runtime, "_ladder_of", ladder_of)
    (found,) = Engine(settings).infer("shapes-detector", [image], {"confidence": 0.01})
    (((item,), scale),) = sent
    assert {array.dtype.name for array in item.values()} == {"uint8"}
    assert scale is not None
    assert without_ids(found.to_dict()) == without_ids(expected.to_dict())
