from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine import graphs
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A repository with one detector and one classifier."""
    graphs.detector(tmp_path / "det" / "weights.onnx", graphs.ROWS)
    graphs.package(tmp_path / "det", task="object-detection", family="yolov8", aliases=["finder/1"])
    graphs.classifier(tmp_path / "cls" / "weights.onnx", [0, 1, 2])
    graphs.package(tmp_path / "cls", task="classification", family="classification")
    return tmp_path


@pytest.fixture
def engine(models: Path) -> Engine:
    return Engine(EngineSettings(model_dirs=(models,), model_scan_seconds=0, intra_op_threads=1))
