from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from shared.cores import available_cpus, cpu_quota
from shared.errors import InferenceFailed, ModelLoadFailed
from tests.unit.engine import graphs
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.profile import BadProfile, HardwareProfile, load_profile
from worker_service.engine.runtime.session import SPIN_IS_TIMED, SPIN_US, Runtime, read_signature
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.settings import ROOT, EngineSettings

PROFILES = sorted((ROOT / "deploy" / "profiles").glob("*.toml"))


def profile(**fields: Any) -> HardwareProfile:
    base = {
        "hardware": "gpu",
        "description": "test",
        "build": {"base_image": "x", "onnxruntime": "onnxruntime-gpu"},
        "providers": [{"name": "CUDAExecutionProvider"}, {"name": "CPUExecutionProvider"}],
        "max_batch": 4,
    }
    return HardwareProfile.model_validate({**base, **fields})


def test_what_cannot_be_read_does_not_tell_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    path.write_bytes(b"no graph")
    for missing in (path, tmp_path / "away.onnx"):
        with pytest.raises(ModelLoadFailed, match=missing.name) as raised:
            read_signature(missing)
        assert str(tmp_path) not in raised.value.message


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_shipped_profiles_are_valid_and_named_after_their_hardware(path: Path) -> None:
    assert load_profile(path).hardware == {"openvino": "cpu", "tensorrt": "gpu"}.get(path.stem, path.stem)


def test_the_shipped_profiles_are_five() -> None:
    assert [path.stem for path in PROFILES] == ["cpu", "gpu", "jetson", "openvino", "tensorrt"]


def test_missing_and_broken_profiles_say_so(tmp_path: Path) -> None:
    with pytest.raises(BadProfile, match="known there: cpu, gpu, jetson, openvino, tensorrt"):
        load_profile(EngineSettings(profile="tpu").profile_path)
    for text, reason in (("hardware = ", "cannot be read"), ('hardware = "cpu"\nmax_bach = 3', "max_bach")):
        (tmp_path / "x.toml").write_text(text)
        with pytest.raises(BadProfile, match=reason):
            load_profile(tmp_path / "x.toml")


def test_unavailable_providers_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert profile().usable(tmp_path) == [("CPUExecutionProvider", {})]
    with pytest.raises(BadProfile, match="none of TensorrtExecutionProvider"):
        profile(providers=[{"name": "TensorrtExecutionProvider"}]).usable(tmp_path)


def test_falling_back_warns_or_refuses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BadProfile, match="needs CUDAExecutionProvider"):
        profile(required_providers=["CUDAExecutionProvider"], on_missing="refuse").usable(tmp_path)
    with caplog.at_level(logging.WARNING):
        profile(required_providers=["CUDAExecutionProvider"]).usable(tmp_path)
    assert "needs CUDAExecutionProvider" in caplog.text


def test_options_become_text_with_the_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["TensorrtExecutionProvider"])
    options = {"trt_engine_cache_path": "{engine_cache}", "trt_fp16_enable": True, "level": 3}
    (found,) = profile(providers=[{"name": "TensorrtExecutionProvider", "options": options}]).usable(Path("/cache"))
    assert found[1] == {"trt_engine_cache_path": "/cache", "trt_fp16_enable": "1", "level": "3"}


@pytest.mark.parametrize(
    ("files", "membership", "expected"),
    [
        ({"a/b/cpu.max": "150000 100000"}, "0::/a/b", 1.5),
        ({"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, "0::/a/b", 0.5),
        ({"cpu.max": "200000 100000"}, "0::/the/path/on/the/host", 2.0),
        ({"a/cpu.max": "max 100000"}, "0::/a", None),
        ({"cpu,cpuacct/cpu.cfs_quota_us": "300000", "cpu,cpuacct/cpu.cfs_period_us": "100000"}, "4:cpu,cpuacct:/a", 3),
        ({"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, "4:cpu:/a", None),
        ({"memory/cpu.max": "1 1"}, "3:memory:/", None),
        ({"cpu.max": "rubbish"}, "0::/", None),
    ],
)
def test_cpu_quota(tmp_path: Path, files: dict[str, str], membership: str, expected: float | None) -> None:
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text + "\n")
    (tmp_path / "self").write_text(membership + "\n")
    assert cpu_quota(tmp_path / "fs", tmp_path / "self") == expected


def test_threads_are_shared_between_workers() -> None:
    assert cpu_quota(Path("/nowhere"), Path("/nowhere")) is None
    assert Runtime(EngineSettings()).threads == available_cpus()
    assert Runtime(EngineSettings(workers_per_host=1000)).threads == 1
    assert Runtime(EngineSettings(intra_op_threads=3)).threads == 3


def spins(**settings: Any) -> str:
    options = Runtime(EngineSettings(**settings))._options(2)
    assert options.intra_op_num_threads == 2
    if options.get_session_config_entry("session.intra_op.allow_spinning") == "0":
        return "never"
    try:
        return options.get_session_config_entry("session.intra_op.spin_duration_us")
    except RuntimeError:  # not set
        return "long"


def test_spinning_is_brief_unless_cores_are_left_over() -> None:
    brief = str(SPIN_US) if SPIN_IS_TIMED else "never"
    assert spins(workers_per_host=2, intra_op_threads=1) == brief, "another worker may want the cores that it leaves"
    assert spins(spinning=False) == "never"
    assert spins(spinning=True) == "long"
    assert spins() == brief
    if available_cpus() > 1:
        assert spins(intra_op_threads=1) == "long"


def test_what_is_no_graph_fails_to_load_without_internals(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelLoadFailed) as caught:
        Runtime(EngineSettings()).open(tmp_path / "x.onnx")
    assert str(tmp_path) not in str(caught.value)


def items(count: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(count)
    return [{"images": random.random((3, 64, 64), np.float32)} for _ in range(count)]


@pytest.mark.parametrize("batch", ["batch", 1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_batches_keep_order_and_values(tmp_path: Path, batch: Any, count: int) -> None:
    path = graphs.classifier(tmp_path / "w.onnx", [0, 0, 0], batch=batch)
    batcher = Batcher(Runtime(EngineSettings(intra_op_threads=1)).open(path), max_batch=4)
    for _ in range(2):  # the second time the buffers are used again
        inputs = items(count)
        outputs = [row for (row,) in batcher.run(inputs)]
        assert len(outputs) == count
        for output, item in zip(outputs, inputs, strict=True):
            np.testing.assert_allclose(output, item["images"].mean(axis=(1, 2)), atol=1e-5)


def test_answers_survive_the_next_run(tmp_path: Path) -> None:
    path = graphs.classifier(tmp_path / "w.onnx", [0, 0, 0])
    batcher = Batcher(Runtime(EngineSettings(intra_op_threads=1)).open(path), max_batch=4)
    kept = [row for (row,) in batcher.run(items(4))]
    copies = [row.copy() for row in kept]
    batcher.run(items(3))
    assert all((row == copy).all() for row, copy in zip(kept, copies, strict=True))


def test_a_graph_that_raises_is_an_inference_failure(tmp_path: Path) -> None:
    path = graphs.classifier(tmp_path / "w.onnx", [0, 0, 0])
    batcher = Batcher(Runtime(EngineSettings(intra_op_threads=1)).open(path), max_batch=4)
    with pytest.raises(InferenceFailed, match="failed while it ran"):
        batcher.run([{"images": np.zeros((3, 9, 9), np.float32)}])
    with pytest.raises(InferenceFailed, match="differs in shape"):
        batcher.run([{"images": np.zeros((3, s, s), np.float32)} for s in (64, 32)])


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ("{0: 'cat', 1: 'dog'}", ("cat", "dog")),
        ("{1: 'dog', 0: 'cat'}", ("cat", "dog")),
        ("['cat']", ("cat",)),
        ("__import__('os')", ()),
        ("{'a': 1}", ()),
        ("[" * 10_000, ()),
    ],
)
def test_labels_from_metadata(names: str, labels: tuple[str, ...]) -> None:
    assert GraphSignature((), (), {"names": names}).labels == labels
