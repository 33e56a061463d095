"""The SDK against the whole system."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import pytest
from PIL import Image
from visionfleet import Classification, Client, Detections, JobOptions
from visionfleet.errors import InvalidImage, ModelNotFound, NoWorkerForHardware, ValidationFailed

from tests.launcher import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

IMAGES = ROOT / "examples" / "images"
SCENE = IMAGES / "scene.jpg"


@pytest.fixture
def client(base_url: str) -> Iterator[Client]:
    with Client(base_url) as made:
        yield made


def names(found: object) -> list[str]:
    assert isinstance(found, Detections)
    return sorted(box.class_name for box in found)


def test_every_form_of_an_image(client: Client) -> None:
    found = client.infer(SCENE, "shapes-detector", confidence=0.7)
    assert isinstance(found, Detections)
    assert (found.image.width, found.image.height) == (1280, 853)
    assert found.timings["infer"] > 0
    expected = names(found)
    assert len(expected) >= 5
    assert names(client.infer(SCENE.read_bytes(), "shapes-detector", confidence=0.7)) == expected
    assert names(client.infer(cv2.imread(str(SCENE)), "shapes-detector", confidence=0.7)) == expected
    assert names(client.infer(Image.open(SCENE), "shapes-detector", confidence=0.7)) == expected


def test_parameters_reach_the_model(client: Client) -> None:
    found = client.infer(SCENE, "shapes-detector", class_filter=["cross"], max_detections=2, visualize=True)
    assert names(found) == ["cross", "cross"]
    assert found.visualization is not None
    assert found.visualization.startswith(b"\xff\xd8")


def test_classification(client: Client) -> None:
    found = client.infer(IMAGES / "ring.jpg", "shapes-classifier")
    assert isinstance(found, Classification)
    assert found.top == "ring"


def test_errors_of_the_server(client: Client) -> None:
    with pytest.raises(ModelNotFound):
        client.infer(SCENE, "no-such-model")
    with pytest.raises(InvalidImage):
        client.infer(b"no image", "shapes-detector")
    with pytest.raises(ValidationFailed, match="confidence"):
        client.infer(SCENE, "shapes-detector", confidence=7)
    with pytest.raises(NoWorkerForHardware) as caught:
        client.infer(SCENE, "shapes-detector", hardware="gpu")
    assert caught.value.status == 503


def test_many_threads_share_a_client(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: names(client.infer(SCENE, "shapes-detector")), range(32)))
    assert all(one == found[0] for one in found)


def test_job_with_several_images(client: Client) -> None:
    options = JobOptions(priority="bulk", metadata={"who": "me"})
    job = client.jobs.wait(client.jobs.submit([SCENE, b"no image"], "shapes-detector", options, confidence=0.7), 60)
    assert (job.state, job.raw["metadata"], job.raw["lane"]) == ("succeeded", {"who": "me"}, "bulk")
    first, second = job.outputs
    assert names(first) == names(client.infer(SCENE, "shapes-detector", confidence=0.7))
    assert isinstance(second, InvalidImage)


def test_load_and_unload(client: Client) -> None:
    client.models.load("shapes-classifier")
    assert next(model.loaded_on for model in client.models.list() if model.id == "shapes-classifier")
    client.models.unload("shapes-classifier")
    assert isinstance(client.infer(IMAGES / "star.jpg", "shapes-classifier"), Classification)
