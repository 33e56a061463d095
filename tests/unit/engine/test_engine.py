from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import InferenceFailed, InvalidImage, InvalidRequest, ModelLoadFailed, ModelNotFound
from tests.unit.engine import graphs
from worker_service.engine.engine import Engine
from worker_service.engine.results import Detections
from worker_service.settings import EngineSettings

PIXELS = np.zeros((100, 200, 3), np.uint8)
JPEG = cv2.imencode(".jpg", PIXELS)[1].tobytes()


def test_bad_images_fail_alone(engine: Engine) -> None:
    bad: list[Any] = [b"", b"no image", JPEG[:300], PIXELS[:, :, 0], PIXELS.astype(np.float32), PIXELS[:0]]
    answers = engine.infer("det", [PIXELS, *bad, JPEG])
    assert isinstance(answers[0], Detections)
    assert isinstance(answers[-1], Detections)
    assert [type(answer) for answer in answers[1:-1]] == [InvalidImage] * len(bad)
    assert engine.infer("det", []) == []
    assert [type(answer) for answer in engine.infer("det", [b""])] == [InvalidImage]


def test_a_model_that_fails_spares_the_other_errors(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(batch: Any) -> Any:
        raise InferenceFailed("broken")

    monkeypatch.setattr(engine.get("det"), "infer", broken)
    answers = engine.infer("det", [PIXELS, b"", PIXELS])
    assert [type(answer) for answer in answers] == [InferenceFailed, InvalidImage, InferenceFailed]


def test_wrong_parameters_and_models_concern_the_call(engine: Engine) -> None:
    with pytest.raises(InvalidRequest):
        engine.infer("det", [PIXELS], {"confidence": 3})
    with pytest.raises(ModelNotFound):
        engine.infer("nobody", [PIXELS])


def test_catalog_held_digest_unload(engine: Engine) -> None:
    assert [manifest.id for manifest in engine.catalog()] == ["cls", "det"]
    assert engine.held() == []
    model = engine.get("finder/1")
    assert engine.get("det") is model
    (held,) = engine.held()
    assert (held.id, held.digest, held.pinned) == ("det", engine.digest("det"), False)
    assert held.bytes > 0
    assert engine.unload("finder/1")
    assert not engine.unload("det")
    assert not engine.unload("nobody")


def test_preload_and_pin(models: Path) -> None:
    settings = EngineSettings(model_dirs=(models,), preload_models=("cls",), pinned_models=("finder/1",))
    engine = Engine(settings)
    engine.preload()
    assert {held.id: held.pinned for held in engine.held()} == {"cls": False, "det": True}


def test_a_changed_model_is_loaded_again(models: Path, engine: Engine) -> None:
    before = engine.get("det")
    graphs.detector(models / "det" / "weights.onnx", graphs.ROWS[:, :1].repeat(9, axis=1))
    with pytest.raises(ModelLoadFailed, match="sha256"):
        Engine(engine.settings).get("det")
    graphs.package(models / "det", task="object-detection", family="yolov8")
    assert engine.get("det") is not before
    assert len(engine.held()) == 1


def test_unknown_family_names_those_there_are(models: Path, engine: Engine) -> None:
    graphs.package(models / "det", task="object-detection", family="yolo99")
    with pytest.raises(ModelLoadFailed, match="known: classification"):
        engine.get("det")


def test_picture_is_drawn_on_a_copy(engine: Engine) -> None:
    source = PIXELS.copy()
    (result,) = engine.infer("det", [source], {"visualize": True, "visualization_labels": False})
    assert (source == PIXELS).all()
    assert isinstance(result, Detections)
    drawn = cv2.imdecode(np.frombuffer(result.visualization or b"", np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape == PIXELS.shape
    assert drawn[20, 36:40].max() > 100  # the left edge of the box is 37.5 px from the left
    assert drawn[90, 190].max() < 10


@pytest.mark.parametrize("size", [(1, 1), (5, 900), (900, 5)])
@pytest.mark.parametrize("model", ["det", "cls"])
def test_odd_sizes_can_be_drawn(engine: Engine, size: tuple[int, int], model: str) -> None:
    (result,) = engine.infer(model, [np.zeros((*size, 3), np.uint8)], {"visualize": True, "confidence": 0})
    picture = cv2.imdecode(np.frombuffer(result.to_dict()["visualization"], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (*size, 3)


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONFLEET_MODEL_DIRS", "/a, b")
    monkeypatch.setenv("VISIONFLEET_PINNED_MODELS", "x,y/1")
    monkeypatch.setenv("VISIONFLEET_MAX_PIXELS", "1000")
    settings = EngineSettings()
    assert settings.model_dirs == (Path("/a"), Path("b"))
    assert settings.pinned_models == ("x", "y/1")
    assert settings.max_pixels == 1000
    assert all(field.description for field in EngineSettings.model_fields.values())
