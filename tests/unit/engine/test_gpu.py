"""What NVIDIA's providers are given, and runs in buffers of a few sizes. No GPU: the options that would reach one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from tests.unit.engine.host_place import HOST, HostStream, pretend
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.gpu import (
    CUDA,
    TENSORRT,
    Wishes,
    fits_slots,
    free_sizes,
    only_batch_is_free,
    shapes,
    tuned,
)
from worker_service.engine.runtime.ladder import Ladder, rungs
from worker_service.engine.runtime.lane import Lane
from worker_service.engine.runtime.session import Runtime, Session, read_signature
from worker_service.engine.runtime.settled import settled
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.engine.runtime.slot import Slot
from worker_service.engine.runtime.twin import Crowd
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


def test_the_limit_of_memory_reaches_its_providers_and_the_profile_wins(tmp_path: Path) -> None:
    path = graph(tmp_path / "g.onnx")
    given: Any = [(TENSORRT, {"trt_max_workspace_size": "7"}), (CUDA, {"k": "v"}), ("CPUExecutionProvider", {})]
    found = dict(tuned(given, path, read_signature(path), Wishes((1,), memory_bytes=1000)))
    assert found[CUDA] == {"gpu_mem_limit": "1000", "k": "v"}
    assert found[TENSORRT]["trt_max_workspace_size"] == "7"
    assert found["CPUExecutionProvider"] == {}


def test_each_stream_has_a_session_and_records_every_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pretend(monkeypatch)
    recorded = list[tuple[int, ...]]()
    monkeypatch.setattr(Lane, "record", lambda lane: recorded.append(tuple(lane.sizes)))
    opened = Runtime(EngineSettings(profile="gpu", gpu_streams=3, max_batch=4)).open(graph(tmp_path / "m" / "g.onnx"))
    assert opened._ladder is not None
    assert len(opened._ladder.lanes) == 3
    assert recorded == [(1, 2, 4)] * 3
    assert opened.bytes == 3 * (tmp_path / "m" / "g.onnx").stat().st_size + opened._ladder.bytes
    assert [options["enable_cuda_graph"] for options in given] == ["1"] * 3
    assert {options["user_compute_stream"] for options in given} == {"0"}


def test_graphs_that_cannot_be_recorded_run_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = pretend(monkeypatch, refuse="enable_cuda_graph")
    runtime = Runtime(EngineSettings(profile="gpu", gpu_streams=1))
    (found,) = runtime.open(graph(tmp_path / "m" / "g.onnx")).run_items([one(1)], None)
    assert (found == 2).all()
    assert ["enable_cuda_graph" in options for options in given] == [True, False]
    assert "m runs without CUDA graphs: not all nodes are on the GPU" in caplog.messages
    runtime.open(graph(tmp_path / "w" / "g.onnx", width="width"))
    assert [set(options) & {"enable_cuda_graph", "user_compute_stream"} for options in given[2:]] == [set()]


def test_a_batch_that_the_processor_reckons_with_is_fixed_in_a_session_for_each_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ONNX Runtime computes shapes on the processor, and then refuses to have the graph recorded."""
    given, path, real = pretend(monkeypatch), graph(tmp_path / "m" / "g.onnx"), ort.InferenceSession

    def refusing(*asked: Any, **named: Any) -> Any:
        session = real(*asked, **named)
        providers = dict(named["providers"]) if isinstance(named["providers"][0], tuple) else {}
        if "enable_cuda_graph" in providers.get(CUDA, ()) and isinstance(session.get_inputs()[0].shape[0], str):
            raise RuntimeError("not all nodes are on the GPU")
        return session

    monkeypatch.setattr(ort, "InferenceSession", refusing)
    runtime = Runtime(EngineSettings(profile="gpu", max_batch=4))
    session = runtime.open(path, {1: 3, 2: 4})
    assert session._ladder is not None
    assert [lane.session.get_inputs()[0].shape[0] for lane in session._ladder.lanes] == [1, 2, 4]
    assert [sorted(lane._replays) for lane in session._ladder.lanes] == [[1], [2], [4]]
    assert session.signature.inputs[0].fixed(0) is None
    batcher = Batcher(session, 4)
    for count in (1, 3, 4, 2, 9):
        answers = batcher.run([one(value) for value in range(count)])
        assert [float(answer[0].max()) for answer in answers] == [2.0 * value for value in range(count)]
    given.clear()
    loose = runtime.open(path)  # whoever opens it so may run it with any batch, outside its ladder
    assert loose._ladder is not None
    assert [lane.session.get_inputs()[0].shape[0] for lane in loose._ladder.lanes] == ["batch"] * 2
    assert loose.run({"images": np.ones((3, 3, 4), np.float32)})[0].shape == (3, 3, 4)


def test_large_models_are_opened_for_one_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pretend(monkeypatch)
    Runtime(EngineSettings(profile="gpu", gpu_streams=3, twin_max_mb=0)).open(graph(tmp_path / "g.onnx"))
    assert len(given) == 1


def test_tensorrt_runs_in_the_stream_too_and_is_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless asked: its engines are few kernels."""
    given = pretend(monkeypatch)
    own = EngineSettings(profile="tensorrt", engine_cache=tmp_path / "e", gpu_memory_mb=100)
    opened = Runtime(own).open(graph(tmp_path / "g.onnx"))
    assert opened._ladder is not None
    assert not opened._ladder.lanes[0]._replays
    (options,) = given
    assert options["user_compute_stream"] == "0"
    assert options["gpu_mem_limit"] == str(100 * 2**20)
    assert "enable_cuda_graph" not in options


def one(value: float) -> dict[str, Any]:
    return {"images": np.full((3, 4), value, np.float32)}


def ladder(path: Path, *sizes: int, lanes: int = 1) -> Ladder:
    signature = read_signature(path)
    steps = rungs(signature, sizes)
    opened = [ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for _ in range(lanes)]
    made = [Lane(session, HostStream(), signature, steps, "cpu") for session in opened]
    return Ladder(made, signature, HOST, normalises=False)


@pytest.mark.parametrize("batch", ["batch", 4])
def test_padded_runs_answer_as_plain_ones(tmp_path: Path, batch: int | str) -> None:
    made, kept = ladder(graph(tmp_path / "g.onnx", batch=batch), 1, 2, 4), []
    for count in (4, 1, 3, 2):
        images = np.random.default_rng(count).random((count, 3, 4), np.float32)
        (found,) = made.run([{"images": image} for image in images])
        kept.append((found, images))
    for found, images in kept:  # later runs in the same buffers changed nothing
        np.testing.assert_array_equal(found, images * 2)
    assert made.takes(4)
    assert not made.takes(5)


def test_outputs_of_unknown_size_are_not_padded(tmp_path: Path) -> None:
    """What is not there cannot be detected."""
    sparse = ladder(finds(tmp_path / "g.onnx", "batch"), 4)
    for filled in (1, 0):
        (found,) = sparse.run([one(filled), one(0), one(0)])
        assert found.shape == (3, 12 * filled)
        assert not found.any() or set(found[0]) == {0}
    fits = [fits_slots(read_signature(finds(tmp_path / f"{batch}.onnx", batch))) for batch in ("batch", 1, 2)]
    assert fits == [True, True, False]  # two at a time: a single image would have to be joined by another


def finds(path: Path, batch: int | str) -> Path:
    """images [batch, 3, 4] -> places [3, found]."""
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, 4])
    places = helper.make_tensor_value_info("places", TensorProto.INT64, [3, "found"])
    made = helper.make_graph([helper.make_node("NonZero", ["images"], ["places"])], "g", [image], [places])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_sizes_that_never_change_are_fixed_where_the_exporter_left_them_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch)
    runtime, path = Runtime(EngineSettings(profile="gpu", max_batch=2)), graph(tmp_path / "g.onnx", width="width")
    fixed, free = runtime.open(path, {1: 3, 2: 4}), runtime.open(path)
    assert fixed.takes_items(2)
    assert fixed._ladder is not None
    assert [str(lane.session.get_inputs()[0].shape) for lane in fixed._ladder.lanes] == ["['batch', 3, 4]"] * 2
    (found,) = fixed.run_items([one(1), one(2)], None)
    assert (found == [[[2]], [[4]]]).all()
    assert not free.takes_items(1)
    assert free.run({"images": np.ones((1, 3, 9), np.float32)})[0].shape == (1, 3, 9)


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        (("n", 3, "h", "w"), {"h": 4, "w": 6}),
        (("n", 3, 4, "w"), {"w": 6}),
        (("n", 3, "s", "s"), {}),  # one name for two sizes
        (("w", 3, "h", "w"), {}),  # and the batch's
        (("n", 3, None, "w"), {"w": 6}),
        ((), {}),
    ],
)
def test_names_of_known_sizes(shape: tuple[Any, ...], found: dict[str, int]) -> None:
    assert free_sizes(GraphSignature((TensorSpec("x", shape, "float32"),), ()), {1: 3, 2: 4, 3: 6}) == found


def test_sizes_that_follow_from_the_batch_are_found(tmp_path: Path) -> None:
    """Exporters name the axes that a Reshape makes."""
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 4])
    flat = helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["batch", "Reshapeflat_dim_1"])
    nodes = [
        helper.make_node("Shape", ["images"], ["all"]),
        helper.make_node("Gather", ["all", "zero"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["shape"], axis=0),
        helper.make_node("Reshape", ["images", "shape"], ["flat"]),
    ]
    known = [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("zero", 0), ("rest", -1))]
    made = helper.make_graph(nodes, "g", [image], [flat], known)
    path = tmp_path / "g.onnx"
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    assert not only_batch_is_free(read_signature(path))
    assert settled(path, read_signature(path)).outputs == (TensorSpec("flat", ("batch", 12), "float32"),)


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("recorded", [False, True])
def test_batches_at_the_same_time_have_slots_of_their_own(tmp_path: Path, lanes: int, *, recorded: bool) -> None:
    made, wrong = ladder(graph(tmp_path / "g.onnx"), 4, 8, lanes=lanes), list[int]()
    for lane in made.lanes if recorded else ():
        lane.record()

    def repeat(seed: int) -> None:
        for turn in range(200):
            if not (made.run([one(seed)] * (1 + turn % 8))[0] == 2 * seed).all():
                wrong.append(seed)

    together([partial(repeat, seed) for seed in range(4)])
    assert not wrong
    assert len(made._idle) <= 4
    assert made.bytes == (lanes + len(made._idle)) * 2 * 8 * 3 * 4 * 4
    assert not +made._batches


def together(calls: Sequence[Callable[[], Any]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_batches_are_lined_up_in_turns_and_copied_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What CUDA's provider needs, and what hides the copies behind the runs."""
    made = ladder(graph(tmp_path / "g.onnx"), 1)
    met, most, running = threading.Barrier(3), list[int](), list[int]()
    send, run = Slot.send, Lane.run

    def all_at_once(slot: Slot, *args: Any, **named: Any) -> Any:
        met.wait(30)  # passes only when three are here at the same time
        return send(slot, *args, **named)

    def alone(lane: Lane, size: int) -> Any:
        running.append(1)
        most.append(len(running))
        outputs = run(lane, size)
        running.pop()
        return outputs

    monkeypatch.setattr(Slot, "send", all_at_once)
    monkeypatch.setattr(Lane, "run", alone)
    together([partial(made.run, [one(1)]) for _ in range(3)])
    assert most == [1, 1, 1]


def test_each_batch_takes_the_lane_with_the_fewest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, taken = ladder(graph(tmp_path / "g.onnx"), 1, lanes=2), list[Lane]()
    met, run = threading.Barrier(2), Lane.run

    def both(lane: Lane, size: int) -> Any:
        taken.append(lane)
        met.wait(30)  # passes only when two run at the same time, which takes two lanes
        return run(lane, size)

    monkeypatch.setattr(Lane, "run", both)
    together([partial(made.run, [one(1)]) for _ in range(2)])
    assert set(taken) == set(made.lanes)


def test_a_size_is_prepared_before_it_is_recorded_and_then_replayed(tmp_path: Path) -> None:
    (lane,) = ladder(graph(tmp_path / "g.onnx"), 1, 4).lanes
    asked, recorded = list[str](), list[str]()

    class Recording(HostStream):
        def wait(self) -> None:
            asked.append("wait")

        def record(self, run: Callable[[], object]) -> Callable[[], None]:
            asked.append("record")
            run()
            return lambda: recorded.append("replay")

    class Told:
        def __getattr__(self, name: str) -> Any:
            if name == "run_with_iobinding":
                asked.append("run")
            return getattr(session, name)

    session, lane.session, lane.stream = lane.session, Told(), Recording()  # type: ignore[assignment]
    lane.record()
    assert asked == ["run", "run", "wait", "record", "run"] * 2
    lane.run(4)
    assert recorded == ["replay"]
    assert len(asked) == 10
    lane.run(3)
    assert asked[10:] == ["run"]


def test_a_batch_that_failed_gives_its_buffers_up(tmp_path: Path) -> None:
    made = ladder(graph(tmp_path / "g.onnx"), 2)
    with pytest.raises(ValueError, match=r"given \[2, 4\]"):
        made.run([{"images": np.ones((2, 4), np.float32)}])
    assert not made._idle
    assert (made.run([one(1)])[0] == 2).all()


class Noting:
    """A session of the processor that says it is on a GPU, and notes the options of runs."""

    def __init__(self, path: Path) -> None:
        self._session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.options: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def get_providers(self) -> list[str]:
        return ALL

    def run(self, outputs: Any, feeds: Any, options: Any = None) -> Any:
        self.options.append(options)
        return self._session.run(outputs, feeds, options)


def test_runs_outside_a_slot_are_neither_recorded_nor_replayed(tmp_path: Path) -> None:
    """They would be replayed with the addresses of another run, and answer what that one was asked."""
    noting = Noting(graph(tmp_path / "g.onnx"))
    (found,) = Session(noting, "g", Crowd()).run({"images": np.ones((1, 3, 4), np.float32)})
    assert (found == 2).all()
    (options,) = noting.options
    assert options.get_run_config_entry("gpu_graph_id") == "-1"
