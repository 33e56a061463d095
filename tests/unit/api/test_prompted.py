"""Routes of SAM and SAM2."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient

from shared.jobs import Job
from tests.unit.api.fakes import MemoryFleet, MemoryQueue, model

MODELS = ("sam/vit_h", "sam2/hiera_large")
TASK = "promptable-segmentation"
SQUARE, HOLE = [[1, 1], [1, 9], [9, 9], [9, 1]], [[3, 3], [3, 5], [5, 5]]


def work(data: bytes, job: Job) -> dict[str, Any]:
    """What a worker would answer."""
    del data
    size = {"task": TASK, "image": {"width": 20, "height": 10}}
    if job.params.get("embed_only"):
        form = job.params.get("embedding_format", "none")
        return {**size, "predictions": [], "embeddings": {"json": [[[1.5]]], "npy": b"npy", "none": None}[form]}
    if job.params["mask_format"] == "binary":
        return {**size, "binary": b"npz"}
    masks: Any = [SQUARE, HOLE]
    if job.params["mask_format"] == "rle":
        masks = {"size": [10, 20], "counts": "abc"}
    row = {"masks": masks, "confidence": 0.5, "format": job.params["mask_format"], "low_res_masks": [HOLE]}
    return {**size, "predictions": [row for _ in job.params["prompts"] or [None]]}


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue(work)


@pytest.fixture
def fleet() -> MemoryFleet:
    made = MemoryFleet()
    made.fleet.models.update({name: model(name, TASK, ["w1"]) for name in MODELS})
    return made


async def post(client: TestClient, url: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = await client.post(url, json=body)
    assert answer.status == status, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def test_sam_embeds(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(client, "/sam/embed_image", image=jpeg, image_id="mine")
    assert set(found) == {"embeddings", "time"}
    assert found["embeddings"] == [[[[1.5]]]]
    binary = await client.post("/sam/embed_image", json={"image": jpeg, "format": "binary"})
    assert (binary.content_type, await binary.read()) == ("application/octet-stream", b"npy")
    first, second = queue.seen
    assert (first.model, second.params["image_key"]) == ("sam/vit_h", None)
    assert "mine" not in first.params["image_key"]


async def test_sam_segments(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    asked: dict[str, Any] = {"point_coords": [[4, 5], [1, 1]], "point_labels": [1, 0]}
    found = await post(client, "/sam/segment_image", image=jpeg, **asked)
    assert set(found) == {"masks", "low_res_masks", "time"}
    assert (found["masks"], found["low_res_masks"]) == ([SQUARE], [HOLE])
    assert queue.seen[0].params["prompts"] == [{"points": [{"x": 4, "y": 5, "label": 1}, {"x": 1, "y": 1, "label": 0}]}]
    binary = await client.post("/sam/segment_image", json={"image": jpeg, "format": "binary"})
    assert await binary.read() == b"npz"
    assert queue.seen[1].params["prompts"] == [{"points": []}]


async def test_sam_goes_on_from_a_mask(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    mask = [[[0.5, -1.0], [2.0, 3.0]]]
    await post(client, "/sam/segment_image", image=jpeg, has_mask_input=True, mask_input=mask)
    await post(client, "/sam/segment_image", image=jpeg, image_id="a", has_mask_input=True)
    await post(client, "/sam/segment_image", image=jpeg, mask_input=mask)
    given, last, ignored = (job.params for job in queue.seen)
    assert np.frombuffer(given["mask_input"], np.float32).tolist() == [0.5, -1, 2, 3]
    assert (last["start_from"], "mask_input" in last) == ("last", False)
    assert (ignored["start_from"], "mask_input" in ignored) == ("nothing", False)


async def test_sam_without_the_image(client: TestClient, queue: MemoryQueue) -> None:
    vectors = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    await post(client, "/sam/segment_image", embeddings=vectors.tolist(), orig_im_size=[10, 20])
    await post(client, "/sam/segment_image", image_id="mine")
    given, remembered = queue.seen
    assert (given.media, given.params["image_size"]) == ("embedding", (20, 10))
    found = np.load(io.BytesIO(given.inputs[0]), allow_pickle=False)
    np.testing.assert_array_equal(found, vectors)
    assert (remembered.media, remembered.inputs) == ("embedding", [b""])
    for body in (
        {},
        {"embeddings": [[[[1.0], [1.0, 2.0]]]], "orig_im_size": [1, 1]},
        {"image_id": "a", "point_coords": [[1, 2]], "point_labels": []},
        {"image_id": "a", "point_coords": [[1, 2]], "point_labels": [7]},
    ):
        answer = await client.post("/sam/segment_image", json=body)
        assert answer.status in (400, 422), await answer.text()


@pytest.mark.parametrize("wrap", ["wrapped", "list", "alone"])
async def test_sam2_takes_prompts_in_every_shape(client: TestClient, jpeg: dict, queue: MemoryQueue, wrap: str) -> None:
    one = {"points": [{"x": 3, "y": 4, "positive": True}], "box": {"x": 10, "y": 5, "width": 4, "height": 2}}
    prompts = {"wrapped": {"prompts": [one]}, "list": [one], "alone": one}[wrap]
    found = await post(client, "/sam2/segment_image", image=jpeg, prompts=prompts)
    assert set(found) == {"predictions", "time"}
    (row,) = found["predictions"]
    assert (row["masks"], row["confidence"], row["format"]) == ([SQUARE, HOLE], 0.5, "polygon")
    (job,) = queue.seen
    assert job.params["prompts"] == [{"points": [{"x": 3, "y": 4, "label": 1}], "box": (8, 4, 12, 6)}]


async def test_sam2_formats_and_ids(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    rle = await post(client, "/sam2/segment_image", image=jpeg, format="rle", prompts=None, load_logits_from_cache=True)
    assert rle["predictions"][0]["masks"] == {"size": [10, 20], "counts": "abc"}
    assert (queue.seen[0].params["prompts"], queue.seen[0].params["start_from"]) == ([], "before")
    binary = await client.post("/sam2/segment_image", json={"image": jpeg, "format": "binary"})
    assert await binary.read() == b"npz"
    made = await post(client, "/sam2/embed_image", image=jpeg)
    kept = await post(client, "/sam2/embed_image", image=jpeg, image_id="mine")
    assert (kept["image_id"], len(made["image_id"]) > 8) == ("mine", True)
    assert len({job.params["image_key"] for job in queue.seen[2:]}) == 2
