"""Depth maps: sizes fed, flat maps, formats, and graphs that say more than they do."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.errors import InferenceFailed, InvalidRequest, ModelLoadFailed
from tests.unit.engine import examples, graphs
from worker_service.engine import depth_results
from worker_service.engine.depth_results import DepthMap
from worker_service.engine.engine import Engine
from worker_service.engine.families.depth_anything import normalised, open_size
from worker_service.engine.manifest import InputSpec
from worker_service.settings import EngineSettings

SPEC = InputSpec(width=518, height=518)


@pytest.mark.parametrize(
    ("size", "fed"),
    [((640, 480), (686, 518)), ((480, 640), (518, 686)), ((518, 518), (518, 518)), ((9000, 10), (518, 14))],
    ids=str,
)
def test_the_side_that_changes_less_decides(size: tuple[int, int], fed: tuple[int, int]) -> None:
    assert open_size(*size, SPEC) == fed


def test_no_side_is_endless() -> None:
    assert open_size(520, 60_000, SPEC) == (518, 2072)


def test_what_differs_by_rounding_is_flat() -> None:
    assert not normalised(np.array([[1, 1 + 1e-7]], np.float32)).any()
    assert normalised(np.array([[1, 3, 2]], np.float32)).tolist() == [[0, 1, 0.5]]
    with pytest.raises(InferenceFailed):
        normalised(np.array([[1, np.nan]], np.float32))


@pytest.mark.parametrize(("form", "most"), [("png8", 255), ("png16", 65535)])
def test_png(form: depth_results.DepthFormat, most: int) -> None:
    near = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    text = DepthMap((4, 3), near, form).to_dict()["normalized_depth"]
    plane = cv2.imdecode(np.frombuffer(b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)
    assert plane.tolist() == np.round(near * most).astype(int).tolist()


def test_json_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth_results, "MOST_NUMBERS", 11)
    with pytest.raises(InvalidRequest, match="png16"):
        DepthMap((4, 3), np.zeros((3, 4), np.float32)).to_dict()


def test_a_graph_whose_size_is_baked_in_is_fed_that_size(tmp_path: Path) -> None:
    near = np.tile(np.linspace(0, 1, graphs.SIZE, dtype=np.float32), (graphs.SIZE, 1))
    (tmp_path / "m").mkdir()
    graphs.answers(tmp_path / "m" / "weights.onnx", {"predicted_depth": near}, size="any")
    graphs.package(tmp_path / "m", task="depth-estimation", family="depth-anything", input=examples.STRETCH, labels=[])
    engine = Engine(EngineSettings(model_dirs=(tmp_path,), intra_op_threads=1))
    (result,) = engine.infer("m", [np.zeros((30, 90, 3), np.uint8)])
    assert isinstance(result, DepthMap)
    assert result.nearness.shape == (30, 90)
    assert (np.diff(result.nearness[7]) >= 0).all()


def test_a_letterboxed_input_is_refused(tmp_path: Path) -> None:
    examples.model(tmp_path / "m", "depth-anything", "depth-estimation", input={"width": 64, "height": 64})
    with pytest.raises(ModelLoadFailed, match="stretch"):
        Engine(EngineSettings(model_dirs=(tmp_path,), intra_op_threads=1)).get("m")
