"""In this process, over HTTP and as a job: the same answer, for a small graph of every family."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from visionfleet import Client, Result, get_model, native, wire

from tests.launcher import Launched, end, launch, until_ready
from tests.unit.engine import examples
from worker_service.engine.family import registry

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
FAMILIES = {family.name: family.task for family in registry() if family.task in wire.ROUTES}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, task in FAMILIES.items():
        examples.model(folder / name, name, task)
    return folder


@pytest.fixture(scope="module")
def served(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    folder = tmp_path_factory.mktemp("data")
    launched = launch(folder, "--no-demo", VISIONFLEET_MODEL_DIRS=str(models), VISIONFLEET_MAX_ACTIVE_MODELS="40")
    try:
        until_ready(launched)
        yield launched
    finally:
        end(launched)


def plain(result: Result) -> Any:
    """The answer without what is made up anew each time."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: strip(one) for name, one in value.items() if name not in ("detection_id", "parent_id")}
        if isinstance(value, list):
            return [strip(one) for one in value]
        return round(value, 3) if isinstance(value, float) else value

    return strip(result.to_plain())


def test_there_is_a_graph_for_every_task() -> None:
    assert set(FAMILIES.values()) >= {
        "object-detection",
        "instance-segmentation",
        "keypoint-detection",
        "classification",
        "semantic-segmentation",
        "depth-estimation",
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_three_ways_one_answer(family: str, models: Path, served: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONFLEET_MODEL_DIRS", str(models))
    native._engine.cache_clear()
    noise = np.random.default_rng(7).integers(0, 256, (96, 120, 3), np.uint8)
    picture = cv2.imencode(".png", noise)[1].tobytes()
    with Client(served.base_url) as client:
        served_now = client.infer(picture, family, confidence=0.3)
        (as_a_job,) = client.jobs.wait(client.jobs.submit(picture, family, confidence=0.3), 60).results()
    here = get_model(family).infer(picture, confidence=0.3)
    native._engine.cache_clear()
    assert type(here) is type(served_now) is type(as_a_job)
    assert type(here) is not Result
    assert here.rows()
    whole, told = plain(here), plain(served_now)
    assert whole == plain(as_a_job)
    if FAMILIES[family] == "ocr":  # the contract's routes tell the text and neither the image's size nor a count
        whole, told = whole["result"], told["result"]
    assert whole == told
