"""What NVIDIA's providers are given, and runs in buffers of a few sizes. No GPU: the options that would reach one."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from worker_service.engine.runtime.gpu import (
    CUDA,
    TENSORRT,
    Wishes,
    only_batch_is_free,
    shapes,
    tuned,
    without_graphs,
)
from worker_service.engine.runtime.ladder import Ladder
from worker_service.engine.runtime.session import Runtime, read_signature
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.settings import EngineSettings

ALL = [TENSORRT, CUDA, "CPUExecutionProvider"]


def graph(path: Path, *, batch: int | str = "batch", width: int | str = 4, quantised: bool = False) -> Path:
    """images [batch, 3, width] -> twice its values."""
    shape = [batch, 3, width]
    two = helper.make_tensor("two", TensorProto.FLOAT, [], [2.0])
    nodes = [helper.make_node("Mul", ["images", "two"], ["doubled"])]
    weights = [two]
    if quantised:
        weights += [helper.make_tensor("scale", TensorProto.FLOAT, [], [0.5])]
        weights += [helper.make_tensor("zero", TensorProto.UINT8, [], [0])]
        nodes += [helper.make_node("QuantizeLinear", ["doubled", "scale", "zero"], ["small"])]
        nodes += [helper.make_node("DequantizeLinear", ["small", "scale", "zero"], ["out"])]
    else:
        nodes += [helper.make_node("Identity", ["doubled"], ["out"])]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", "out")]
    made = helper.make_graph(nodes, "g", infos[:1], infos[1:], weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def test_tensorrt_is_told_the_range_of_batches(tmp_path: Path) -> None:
    signature = read_signature(graph(tmp_path / "g.onnx"))
    assert shapes(signature, (1, 8, 32)) == {
        "trt_profile_min_shapes": "images:1x3x4",
        "trt_profile_opt_shapes": "images:32x3x4",
        "trt_profile_max_shapes": "images:32x3x4",
    }
    assert shapes(read_signature(graph(tmp_path / "fixed.onnx", batch=2)), (1, 8)) == {}
    wide = read_signature(graph(tmp_path / "wide.onnx", width="width"))
    assert shapes(wide, (1, 8)) == {}
    assert not only_batch_is_free(wide)


def test_several_inputs_stand_in_one_option() -> None:
    inputs = tuple(TensorSpec(name, ("n", 2), "float32") for name in ("a", "b"))
    found = shapes(GraphSignature(inputs, (TensorSpec("c", ("n", 1), "float32"),)), (1, 4))
    assert found["trt_profile_max_shapes"] == "a:4x2,b:4x2"


def test_int8_is_for_quantised_graphs_only(tmp_path: Path) -> None:
    for quantised in (False, True):
        path = graph(tmp_path / f"{quantised}.onnx", quantised=quantised)
        ((_, options),) = tuned([(TENSORRT, {})], path, read_signature(path), Wishes((1, 8)))
        assert ("trt_int8_enable" in options) is quantised


def test_memory_and_graphs_reach_their_providers_and_the_profile_wins(tmp_path: Path) -> None:
    path = graph(tmp_path / "g.onnx")
    given: Any = [(TENSORRT, {"trt_max_workspace_size": "7"}), (CUDA, {"k": "v"}), ("CPUExecutionProvider", {})]
    found = dict(tuned(given, path, read_signature(path), Wishes((1,), memory_bytes=1000, graphs=True)))
    assert found[CUDA] == {"gpu_mem_limit": "1000", "enable_cuda_graph": "1", "k": "v"}
    assert found[TENSORRT]["trt_max_workspace_size"] == "7"
    assert found[TENSORRT]["trt_cuda_graph_enable"] == "1"
    assert found["CPUExecutionProvider"] == {}
    plain = dict(without_graphs(list(found.items())))
    assert plain[CUDA] == {"gpu_mem_limit": "1000", "k": "v"}
    assert "trt_cuda_graph_enable" not in plain[TENSORRT]


def test_the_profile_tensorrt_opens_graphs_with_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs that cannot be recorded are opened again without; those whose sizes are free are not even tried."""
    opened: list[dict[str, dict[str, str]]] = []
    real = ort.InferenceSession

    def open_(path: str, options: Any = None, providers: Any = None) -> Any:
        if providers != ["CPUExecutionProvider"]:
            opened.append(dict(providers))
            if "enable_cuda_graph" in dict(providers)[CUDA]:
                raise RuntimeError("not all nodes are on the GPU")
        session = real(path, options, providers=["CPUExecutionProvider"])
        monkeypatch.setattr(session, "get_providers", lambda: ALL, raising=False)
        return session

    monkeypatch.setattr(ort, "get_available_providers", lambda: ALL)
    monkeypatch.setattr(ort, "InferenceSession", open_)
    own = EngineSettings(profile="tensorrt", engine_cache=tmp_path / "e", cuda_graphs=True, gpu_memory_mb=100)
    runtime = Runtime(own)
    session = runtime.open(graph(tmp_path / "m" / "weights.onnx"))
    assert session._ladder is None
    first, second = opened
    assert first[TENSORRT]["trt_cuda_graph_enable"] == "1"
    assert second[TENSORRT]["trt_profile_max_shapes"] == "images:32x3x4"
    assert second[TENSORRT]["trt_engine_cache_path"] == str(tmp_path / "e")
    assert second[TENSORRT]["trt_fp16_enable"] == "1"
    assert second[CUDA]["gpu_mem_limit"] == str(100 * 2**20)
    runtime.open(graph(tmp_path / "w" / "weights.onnx", width="width"))
    assert len(opened) == 3
    assert "enable_cuda_graph" not in opened[2][CUDA]


@pytest.mark.parametrize("batch", ["batch", 4])
def test_padded_runs_answer_as_plain_ones(tmp_path: Path, batch: int | str) -> None:
    path = graph(tmp_path / "g.onnx", batch=batch)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ladder = Ladder(session, read_signature(path), (1, 2, 4), "cpu")
    kept = []
    for count in (4, 1, 3, 2):
        images = np.random.default_rng(count).random((count, 3, 4), np.float32)
        (found,) = ladder.run({"images": images})
        kept.append((found, images))
    for found, images in kept:  # later runs in the same buffers changed nothing
        np.testing.assert_array_equal(found, images * 2)
    assert ladder.takes({"images": np.zeros((4, 3, 4), np.float32)})
    assert not ladder.takes({"images": np.zeros((5, 3, 4), np.float32)})


def test_runs_at_the_same_time_have_buffers_of_their_own(tmp_path: Path) -> None:
    path = graph(tmp_path / "g.onnx")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ladder, wrong = Ladder(session, read_signature(path), (8,), "cpu"), list[int]()

    def repeat(seed: int) -> None:
        images = np.full((8, 3, 4), seed, np.float32)
        for _ in range(200):
            if not np.array_equal(ladder.run({"images": images})[0], images * 2):
                wrong.append(seed)

    threads = [threading.Thread(target=repeat, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(ladder._idle[8]) <= 4
