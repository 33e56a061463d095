"""Routes that read text in images."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from shared.jobs import Job
from tests.unit.api.fakes import MemoryFleet, MemoryQueue, model, post

BOX = {"x": 5.0, "y": 5.0, "width": 4.0, "height": 2.0, "confidence": 0.9, "class": "two", "class_id": 0}
MODELS = {
    "trocr/trocr-base-printed": "ocr",
    "trocr/trocr-small-printed": "ocr",
    "doctr/default": "ocr",
    "doctr/parseq": "ocr",
    "easy_ocr/english_g2": "ocr",
    "easy_ocr/latin_g2": "ocr",
    "pp_ocr/small-small": "ocr",
    "pp_ocr/tiny-none": "ocr",
}


def work(data: bytes, job: Job) -> dict[str, Any]:
    """What a worker would answer."""
    del data
    output: dict[str, Any] = {"task": "ocr", "image": {"width": 9, "height": 9}, "result": "two"}
    return output if job.model.startswith("trocr") else {**output, "predictions": [BOX]}


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue(work)


@pytest.fixture
def fleet() -> MemoryFleet:
    made = MemoryFleet()
    made.fleet.models.update({name: model(name, task, ["w1"]) for name, task in MODELS.items()})
    return made


async def test_trocr(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(client, "/ocr/trocr", image=jpeg, max_new_tokens=9)
    assert {**found, "time": 0} == {"result": "two", "time": 0, "parent_id": None}
    many = await post(client, "/ocr/trocr", image=[jpeg, jpeg], trocr_version_id="trocr-small-printed")
    assert [each["result"] for each in many] == ["two", "two"]
    assert [(job.model, job.params) for job in queue.seen[:2]] == [
        ("trocr/trocr-base-printed", {"max_new_tokens": 9}),
        ("trocr/trocr-small-printed", {}),
    ]
    await post(client, "/ocr/trocr", 404, image=jpeg, trocr_version_id="trocr-large-printed")
    await post(client, "/ocr/trocr", 422, image=jpeg, max_new_tokens=0)
    await post(client, "/ocr/trocr", 400, image=jpeg, model_id="shapes-detector")


async def test_pp_ocr(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(client, "/ocr/pp-ocr", image=jpeg, confidence=0.2)
    assert {**found, "time": 0} == {
        "result": "two",
        "time": 0,
        "parent_id": None,
        "image": {"width": 9, "height": 9},
        "predictions": [BOX],
    }
    await post(client, "/ocr/pp-ocr", image=jpeg, pp_ocr_version_id="small")
    await post(client, "/ocr/pp-ocr", image=jpeg, text_detection="tiny", text_recognition=None)
    assert [(job.model, job.params) for job in queue.seen] == [
        ("pp_ocr/small-small", {"confidence": 0.2}),
        ("pp_ocr/small-small", {}),
        ("pp_ocr/tiny-none", {}),
    ]
    for wrong in ({"pp_ocr_version_id": "huge"}, {"text_detection": "none", "text_recognition": "none"}):
        await post(client, "/ocr/pp-ocr", 422, image=jpeg, **wrong)
    await post(client, "/ocr/pp-ocr", 404, image=jpeg, pp_ocr_version_id="medium-medium")


async def test_doctr(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(client, "/doctr/ocr", image=jpeg, confidence=0.2)
    assert {**found, "time": 0} == {"result": "two", "time": 0, "parent_id": None}
    (many,) = await post(client, "/doctr/ocr", image=[jpeg], doctr_version_id="parseq", generate_bounding_boxes=True)
    assert (many["image"], many["predictions"]) == ({"width": 9, "height": 9}, [BOX])
    assert [(job.model, job.params) for job in queue.seen] == [
        ("doctr/default", {"confidence": 0.2}),
        ("doctr/parseq", {}),
    ]
    await post(client, "/doctr/ocr", 404, image=jpeg, doctr_version_id="other")
    await post(client, "/doctr/ocr", 422, image=jpeg, confidence=2)


async def test_easy_ocr(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(client, "/easy_ocr/ocr", image=jpeg, quantize=False)
    assert {**found, "time": 0} == {
        "result": "two",
        "time": 0,
        "parent_id": None,
        "image": {"width": 9, "height": 9},
        "predictions": [BOX],
    }
    latin = {"easy_ocr_version_id": "latin_g2", "language_codes": ["en", "fr"], "confidence": 0.2}
    assert len(await post(client, "/easy_ocr/ocr", image=[jpeg, jpeg], **latin)) == 2
    await post(client, "/easy_ocr/ocr", image=jpeg, language_codes=None)
    assert [(job.model, job.params) for job in (queue.seen[0], queue.seen[1], queue.seen[3])] == [
        ("easy_ocr/english_g2", {"languages": ["en"]}),
        ("easy_ocr/latin_g2", {"confidence": 0.2, "languages": ["en", "fr"]}),
        ("easy_ocr/english_g2", {}),
    ]
    await post(client, "/easy_ocr/ocr", 404, image=jpeg, easy_ocr_version_id="thai_g1")
    await post(client, "/easy_ocr/ocr", 422, image=jpeg, language_codes=[])
