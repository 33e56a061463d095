"""``visionfleet models quantize`` with the real engine and a demo model."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner, Result
from visionfleet import native
from visionfleet.cli.app import app

from models.training.samples import HELD_OUT, classifier_picture
from models.training.shapes import LABELS

pytestmark = pytest.mark.timeout(240)  # calibration runs the network as often as there are pictures


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Eight held-out close-ups, in a folder per class."""
    for number in range(8):
        image, label = classifier_picture(HELD_OUT, number)
        folder = tmp_path / "pictures" / LABELS[label]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.jpg"), image)
    return tmp_path / "pictures"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VISIONFLEET_DATA_DIR", str(tmp_path / "data"))
    native._engine.cache_clear()
    return tmp_path / "data" / "models"


def models(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", *(str(argument) for argument in arguments)])


def test_the_copy_is_a_model_like_any_other(data: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = models("quantize", "shapes-classifier", "--images", pictures, "--labelled", pictures, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["id"] == "shapes-classifier-int8"
    assert told["calibrated_on"] == 8
    assert told["metric"] == "top-1 accuracy"
    assert told["bytes"][1] < told["bytes"][0]
    assert (data / "shapes-classifier-int8" / "model.json").exists()

    monkeypatch.setenv("VISIONFLEET_MODEL_DIRS", str(data))
    native._engine.cache_clear()
    path = next(pictures.rglob("*.jpg"))
    answer = native.get_model("shapes-classifier-int8").infer(path)
    assert answer.to_dict()["predictions"][0]["class"] == path.parent.name
    native._engine.cache_clear()


def test_people_see_a_table(pictures: Path) -> None:
    result = models("quantize", "shapes-classifier", "--images", pictures, "--id", "mine/2", "--calibration", 2)
    assert result.exit_code == 0, result.output
    assert "x as fast" in result.stdout
    assert "calibrated on 2 pictures" in result.stderr
    again = models("quantize", "shapes-classifier", "--images", pictures, "--id", "mine/2", "--calibration", 2)
    assert again.exit_code != 0
    assert "--force replaces it" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["shapes-classifier", "--images", "nowhere"], "There is no folder nowhere"),
        (["no-such-model", "--images", "."], "There is no model 'no-such-model'"),
        (["shapes-classifier", "--images", ".", "--id", "../up"], "is no model id"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = models("quantize", *arguments)
    assert result.exit_code != 0
    assert words in result.stderr
