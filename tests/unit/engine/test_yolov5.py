"""What is special about YOLOv5 and v7: objectness, raw maps, anchors, one list for a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import ModelLoadFailed
from tests.unit.engine import examples, graphs
from worker_service.engine.engine import Engine
from worker_service.engine.family import registry
from worker_service.engine.inspect import inspect, recognise
from worker_service.engine.runtime.session import read_signature
from worker_service.settings import EngineSettings

SQUARE = np.zeros((64, 64, 3), np.uint8)
ANCHORS = [[[10, 13], [16, 30], [33, 23]], [[30, 61], [62, 45], [59, 119]], [[116, 90], [156, 198], [373, 326]]]


def infer(folder: Path, model: str = "m", **params: Any) -> list[dict[str, Any]]:
    engine = Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1))
    return engine.infer(model, [SQUARE], params)[0].to_dict()["predictions"]


def raw_maps() -> tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Maps before the sigmoid with a few sure cells, and the rows that the network itself would make of them."""
    random = np.random.default_rng(1)
    maps, rows = {}, []
    for level, stride in enumerate((8, 16, 32)):
        shape = (3, 64 // stride, 64 // stride, 8)
        values = random.normal(size=shape).astype(np.float32)
        values[..., 4] = np.where(random.uniform(size=shape[:3]) > 0.93, 3, -6)
        maps[f"map{level}"] = values
        squashed = 1 / (1 + np.exp(-values.astype(float)))
        row, column = np.mgrid[: shape[1], : shape[2]]
        anchors = np.array(ANCHORS[level], float)[:, None, None]
        squashed[..., 0] = (squashed[..., 0] * 2 - 0.5 + column) * stride
        squashed[..., 1] = (squashed[..., 1] * 2 - 0.5 + row) * stride
        squashed[..., 2:4] = (squashed[..., 2:4] * 2) ** 2 * anchors
        rows.append(squashed.reshape(-1, 8))
    return maps, np.concatenate(rows).astype(np.float32)


def test_raw_maps_answer_as_the_rows_do(tmp_path: Path) -> None:
    maps, rows = raw_maps()
    graphs.answers(tmp_path / "rows" / "weights.onnx", {"output": rows})
    graphs.answers(tmp_path / "both" / "weights.onnx", {"output": rows, **maps})
    graphs.answers(tmp_path / "maps" / "weights.onnx", dict(reversed(maps.items())))
    for model in ("rows", "both", "maps"):
        graphs.package(tmp_path / model, task="object-detection", family="yolov5", anchors=ANCHORS)
    params = {"confidence": 0.4, "iou_threshold": 0.6}
    answers = [infer(tmp_path, model, **params) for model in ("rows", "both", "maps")]
    assert len(answers[0]) > 4
    assert [p["class"] for p in answers[0]] == [p["class"] for p in answers[1]] == [p["class"] for p in answers[2]]
    for key in ("x", "y", "width", "height", "confidence"):
        expected = [p[key] for p in answers[0]]
        assert [p[key] for p in answers[1]] == expected
        assert [p[key] for p in answers[2]] == pytest.approx(expected, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("anchors", [None, ANCHORS[:2], [level[:2] for level in ANCHORS]])
def test_raw_maps_need_their_anchors(tmp_path: Path, anchors: Any) -> None:
    graphs.answers(tmp_path / "m" / "weights.onnx", raw_maps()[0])
    fields = {} if anchors is None else {"anchors": anchors}
    graphs.package(tmp_path / "m", task="object-detection", family="yolov5", **fields)
    with pytest.raises(ModelLoadFailed, match="'anchors'"):
        infer(tmp_path)
    proposal = inspect(tmp_path / "m" / "weights.onnx")
    assert proposal.manifest.family == "yolov5"
    assert any(line.startswith("anchors") for line in proposal.unsure)


@pytest.mark.parametrize("family", ["yolov5", "yolov5-seg"])
def test_legacy_scores_are_the_objectness(tmp_path: Path, family: str) -> None:
    examples.model(tmp_path / "m", family, registry().get(family).task, nms_mode="legacy")
    assert [p["confidence"] for p in infer(tmp_path)] == pytest.approx([0.95, 0.95])
    assert [p["confidence"] for p in infer(tmp_path, nms_mode="iou")] == pytest.approx([0.9, 0.8])


def test_one_class_is_told_from_final_boxes_by_the_number_of_cells(tmp_path: Path) -> None:
    def family_of(rows: int, **options: Any) -> str:
        path = graphs.answers(tmp_path / "weights.onnx", {"output": np.zeros((rows, 6), np.float32)}, **options)
        return recognise(read_signature(path))[0].name

    assert family_of(3 * (64 + 16 + 4)) == "yolov5"
    assert family_of(300) == "yolov10"
    with pytest.raises(ModelLoadFailed, match=r"may be .*'family' in model.json decides. Seen: .*output"):
        family_of(300, open_axes=False, size="any")


def test_rows_of_a_batch_go_to_their_pictures(tmp_path: Path) -> None:
    examples.model(tmp_path / "m", "yolov7-end2end", "object-detection")
    engine = Engine(EngineSettings(model_dirs=(tmp_path,), intra_op_threads=1))
    images = [np.zeros((64 * i, 64 * i, 3), np.uint8) for i in (1, 2, 3)]
    widths = [result.to_dict()["predictions"][0]["width"] for result in engine.infer("m", images)]
    assert widths == pytest.approx([20, 40, 60])
