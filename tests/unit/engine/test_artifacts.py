from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from shared.errors import ModelLoadFailed
from tests.unit.engine import graphs
from worker_service.engine.artifacts import Package, file_sha256
from worker_service.engine.inspect import inspect
from worker_service.engine.manifest import Manifest
from worker_service.engine.runtime.external import external_locations, foreign_operators


def package(folder: Path, **files: str) -> Package:
    manifest = Manifest.model_validate({"id": "m", "task": "t", "input": {"width": 64, "height": 64}, "files": files})
    return Package(manifest, folder)


def with_external_data(path: Path, location: str) -> Path:
    """A graph that keeps its weights in another file."""
    graphs.detector(path, graphs.ROWS)
    model = onnx.load(str(path))
    tensor = model.graph.initializer[-1]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    return path


def test_unchanged_files_pass(tmp_path: Path) -> None:
    path = graphs.detector(tmp_path / "weights.onnx", graphs.ROWS)
    package(tmp_path, **{"weights.onnx": file_sha256(path)}).verify()


def test_changed_and_missing_files_are_named(tmp_path: Path) -> None:
    path = graphs.detector(tmp_path / "weights.onnx", graphs.ROWS)
    changed = package(tmp_path, **{"weights.onnx": "0" * 64})
    with pytest.raises(ModelLoadFailed, match=r"weights\.onnx.*sha256"):
        changed.verify()
    path.unlink()
    with pytest.raises(ModelLoadFailed, match="missing"):
        changed.verify()


def test_files_above_the_limit_are_not_even_hashed(tmp_path: Path) -> None:
    path = graphs.detector(tmp_path / "weights.onnx", graphs.ROWS)
    size = path.stat().st_size
    package(tmp_path, **{"weights.onnx": file_sha256(path)}).verify(size)
    with pytest.raises(ModelLoadFailed, match="VISIONFLEET_MAX_MODEL_FILE_BYTES"):
        package(tmp_path, **{"weights.onnx": "0" * 64}).verify(size - 1)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = graphs.detector(tmp_path / "outside.onnx", graphs.ROWS)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "weights.onnx").symlink_to(outside)
    with pytest.raises(ModelLoadFailed, match="missing"):
        package(tmp_path / "m", **{"weights.onnx": file_sha256(outside)}).verify()


def test_a_hash_is_taken_again_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one")
    first = file_sha256(path)
    path.write_bytes(b"three")
    assert file_sha256(path) != first


@pytest.mark.parametrize("location", ["weights.data", "../../secret", "/etc/passwd"])
def test_external_data_outside_the_manifest_is_refused(tmp_path: Path, location: str) -> None:
    path = with_external_data(tmp_path / "weights.onnx", location)
    assert external_locations(path) == {location}
    with pytest.raises(ModelLoadFailed, match="files"):
        package(tmp_path, **{"weights.onnx": file_sha256(path)}).verify()


def test_external_data_in_the_manifest_is_fine(tmp_path: Path) -> None:
    path = with_external_data(tmp_path / "weights.onnx", "weights.data")
    (tmp_path / "weights.data").write_bytes(bytes(1000))
    files = {"weights.onnx": file_sha256(path), "weights.data": file_sha256(tmp_path / "weights.data")}
    package(tmp_path, **files).verify()


def test_external_data_hidden_in_a_subgraph_is_found(tmp_path: Path) -> None:
    inner: Any = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "w")
    inner.ClearField("raw_data")
    inner.data_location = onnx.TensorProto.EXTERNAL
    inner.external_data.add(key="offset", value="0")
    inner.external_data.add(key="location", value="hidden")
    constant = onnx.helper.make_node("Constant", [], ["c"], value=inner)
    branch = onnx.helper.make_graph([constant], "branch", [], [])
    node = onnx.helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], []))
    (tmp_path / "g.onnx").write_bytes(model.SerializeToString())
    assert external_locations(tmp_path / "g.onnx") == {"hidden"}


@pytest.mark.parametrize("data", [b"", b"not a graph", b"\xff" * 50, b"\x3a\xff\xff\xff\xff\x0f"])
def test_what_is_no_protobuf_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(data)
    with pytest.raises(ModelLoadFailed, match="not an ONNX file"):
        external_locations(tmp_path / "x.onnx")


def test_the_graph_of_several_must_be_named(tmp_path: Path) -> None:
    one = package(tmp_path, **{"only.onnx": "0" * 64, "x.txt": "0" * 64})
    assert one.graph() == tmp_path / "only.onnx"
    two = package(tmp_path, **{"encoder.onnx": "0" * 64, "decoder.onnx": "0" * 64})
    assert two.graph("decoder.onnx") == tmp_path / "decoder.onnx"
    for name in (None, "other.onnx", "../x.onnx"):
        with pytest.raises(ModelLoadFailed, match="encoder"):
            two.graph(name)


def with_operator(path: Path, name: str, domain: str, *functions: Any) -> Path:
    """A graph with one node of that operator, inside a branch of an If."""
    inner = onnx.helper.make_graph([onnx.helper.make_node(name, ["x"], ["y"], domain=domain)], "branch", [], [])
    node = onnx.helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], []), functions=list(functions))
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("name", "domain"), [("Pwn", "evil.example"), ("EPContext", "com.microsoft"), ("Gemm", "ai.onnx.contrib")]
)
def test_operators_of_libraries_and_compiled_engines_are_refused(tmp_path: Path, name: str, domain: str) -> None:
    path = with_operator(tmp_path / "weights.onnx", name, domain)
    assert foreign_operators(path) == {f"{domain}:{name}"}
    with pytest.raises(ModelLoadFailed, match=name):
        package(tmp_path, **{"weights.onnx": file_sha256(path)}).verify()
    with pytest.raises(ModelLoadFailed, match=name):
        inspect(path)


def test_operators_that_are_there_are_fine(tmp_path: Path) -> None:
    for name, domain in (
        ("Relu", ""),
        ("Relu", "ai.onnx"),
        ("FusedConv", "com.microsoft"),
        ("LabelEncoder", "ai.onnx.ml"),
    ):
        assert foreign_operators(with_operator(tmp_path / "g.onnx", name, domain)) == set()
    relu = onnx.helper.make_node("Relu", ["a"], ["b"])
    function = onnx.helper.make_function("own", "Mine", ["a"], ["b"], [relu], [onnx.helper.make_opsetid("", 17)])
    assert foreign_operators(with_operator(tmp_path / "g.onnx", "Mine", "own", function)) == set()


def test_a_graph_to_be_added_reads_no_file_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(1000))
    (tmp_path / "m").mkdir()
    for location in ("../secret", str(tmp_path / "secret")):
        with pytest.raises(ModelLoadFailed, match="outside"):
            inspect(with_external_data(tmp_path / "m" / "weights.onnx", location))
