"""What is special about YOLO-NAS: several classes per box, uint8 graphs, suppression inside in two forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from shared.errors import ModelLoadFailed
from tests.unit.engine import examples, graphs
from worker_service.engine.engine import Engine
from worker_service.engine.inspect import inspect, recognise
from worker_service.engine.runtime.session import read_signature
from worker_service.settings import EngineSettings

SQUARE = np.zeros((64, 64, 3), np.uint8)
PIXELS = {"width": 64, "height": 64, "scale": 1.0}
ROWS = np.concatenate([examples.BOXES, examples.SCORES[:, None], [[0], [1]]], axis=1).astype(np.float32)


def engine(folder: Path) -> Engine:
    return Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1))


def infer(folder: Path, **params: Any) -> list[dict[str, Any]]:
    return engine(folder).infer("m", [SQUARE], params)[0].to_dict()["predictions"]


def package(folder: Path, **fields: Any) -> None:
    graphs.package(folder / "m", task="object-detection", family="yolo-nas", **{"input": PIXELS, **fields})


def suppressed() -> dict[str, Any]:
    """Four outputs under names that say nothing, the boxes that are left first, then what is left over."""
    filled = np.concatenate([ROWS, np.full((3, 6), 7, np.float32)])
    return {
        "graph2_x": np.array([2], np.int64),
        "graph2_boxes": filled[:, :4].copy(),
        "graph2_z": filled[:, 4].copy(),
        "graph2_w": filled[:, 5].astype(np.int64),
    }


@pytest.mark.parametrize("order", [1, -1])
def test_batch_form(tmp_path: Path, order: int) -> None:
    outputs = dict(list(suppressed().items())[::order])
    path = graphs.answers(tmp_path / "m" / "weights.onnx", outputs, dtype=TensorProto.UINT8)
    package(tmp_path)
    assert recognise(read_signature(path))[0].name == "yolo-nas"
    predictions = infer(tmp_path)
    assert [p["class"] for p in predictions] == ["a", "b"]
    assert [p["width"] for p in predictions] == [20, 24]
    assert [p["class"] for p in infer(tmp_path, confidence=0.85)] == ["a"]


def test_flat_form_gives_each_picture_its_rows(tmp_path: Path) -> None:
    path = graphs.numbered(tmp_path / "m" / "weights.onnx", ROWS, dtype=TensorProto.UINT8)
    package(tmp_path)
    assert recognise(read_signature(path))[0].name == "yolo-nas"
    images = [np.zeros((64 * i, 64 * i, 3), np.uint8) for i in (1, 2, 3)]
    answers = [result.to_dict()["predictions"] for result in engine(tmp_path).infer("m", images)]
    assert [[p["class"] for p in predictions] for predictions in answers] == [["a", "b"]] * 3
    assert [predictions[0]["width"] for predictions in answers] == pytest.approx([20, 40, 60])


def test_pixels_go_in_as_they_are(tmp_path: Path) -> None:
    """Black, white, and rows of 114 above and below."""
    graphs.answers(tmp_path / "m" / "weights.onnx", suppressed(), dtype=TensorProto.UINT8)
    package(tmp_path)
    model = engine(tmp_path).get("m")
    image = np.zeros((32, 64, 3), np.uint8)
    image[:, :, 2] = 200
    (tensor,) = model.preprocess(image, model.params({})).tensors.values()
    assert tensor.dtype == np.uint8
    assert tensor[:, 32, 32].tolist() == [200, 0, 0]
    assert np.unique(tensor[:, 0]).tolist() == [114]


def test_the_border_keeps_four_pixels_free(tmp_path: Path) -> None:
    proposal = inspect(examples.graph(tmp_path / "m" / "weights.onnx", "yolo-nas"), "m")
    assert proposal.manifest.input.border == 4
    (tmp_path / "m" / "model.json").write_text(proposal.manifest.model_dump_json())
    model = engine(tmp_path).get("m")
    prepared = model.preprocess(np.full((600, 600, 3), 255, np.uint8), model.params({}))
    (tensor,) = prepared.tensors.values()
    assert (np.flatnonzero(tensor[0, 32] == 1)[[0, -1]].tolist(), prepared.geometry.left) == ([2, 61], 2)


def test_a_box_of_two_classes_is_reported_twice(tmp_path: Path) -> None:
    outputs = examples.yolo_nas().outputs
    outputs["graph2_scores"][50, 2] = 0.6
    graphs.answers(tmp_path / "m" / "weights.onnx", outputs)
    graphs.package(tmp_path / "m", task="object-detection", family="yolo-nas")
    assert [p["class"] for p in infer(tmp_path)] == ["a", "b", "c"]
    assert [p["class"] for p in infer(tmp_path, class_agnostic_nms=True)] == ["a", "b"]


def test_graphs_that_normalise_must_not_get_normalised_pixels(tmp_path: Path) -> None:
    graphs.answers(tmp_path / "m" / "weights.onnx", suppressed(), dtype=TensorProto.UINT8)
    package(tmp_path, input={"width": 64, "height": 64})
    with pytest.raises(ModelLoadFailed, match=r"'input.scale' in model.json must be 1"):
        infer(tmp_path)


def test_two_outputs_of_few_boxes_may_be_queries(tmp_path: Path) -> None:
    """Boxes as many as cells: YOLO-NAS. A few hundred: RF-DETR. An input of any size: nobody knows."""

    def family_of(boxes: int, **options: Any) -> str:
        outputs = {"x": np.zeros((boxes, 4), np.float32), "y": np.zeros((boxes, 3), np.float32)}
        return recognise(read_signature(graphs.answers(tmp_path / "w.onnx", outputs, **options)))[0].name

    assert family_of(84) == "yolo-nas"
    assert family_of(300) == "rfdetr"
    with pytest.raises(ModelLoadFailed, match=r"may be (rfdetr or yolo-nas|yolo-nas or rfdetr); 'family' in"):
        family_of(300, size="any")
