"""Routes of depth, CLIP and Perception Encoder."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from aiohttp.test_utils import TestClient

from shared.jobs import Job
from tests.unit.api.conftest import JPEG
from tests.unit.api.fakes import MemoryFleet, MemoryQueue, model

VECTORS = {b"left": [1.0, 0.0], b"up": [0.0, 2.0]}
MODELS = {
    "clip/ViT-B-16": "embedding",
    "perception_encoder/PE-Core-L14-336": "embedding",
    "depth-anything-v2/small": "depth-estimation",
    "depth-anything-v3/small": "depth-estimation",
}


def work(data: bytes, job: Job) -> dict[str, Any]:
    """What a worker would answer."""
    size = {"width": 2, "height": 1}
    if job.task == "depth-estimation":
        form = job.params["depth_map_format"]
        depth: Any = [[0.0, 1.0]] if form == "json" else "UE5H"
        shown = {"normalized_depth": depth, "depth_map_format": form, "visualization": b"\xff\xd8near"}
        return {"task": job.task, "image": size, **shown}
    texts = job.params.get("texts")
    likeness = {} if texts is None else {"similarity": [len(text) / 10 for text in texts]}
    return {"task": job.task, "image": size, "embedding": VECTORS.get(data, [3.0, 4.0]), **likeness}


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue(work)


@pytest.fixture
def fleet() -> MemoryFleet:
    made = MemoryFleet()
    made.fleet.models.update({name: model(name, task, ["w1"]) for name, task in MODELS.items()})
    return made


async def post(client: TestClient, url: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = await client.post(url, json=body)
    assert answer.status == status, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


@pytest.mark.parametrize("prefix", ["clip", "perception_encoder"])
async def test_embeddings(client: TestClient, jpeg: dict, queue: MemoryQueue, prefix: str) -> None:
    one = await post(client, f"/{prefix}/embed_image", image=jpeg, id="mine")
    assert set(one) == {"inference_id", "frame_id", "time", "embeddings"}
    assert (one["inference_id"], one["frame_id"], one["embeddings"]) == ("mine", None, [[3.0, 4.0]])
    many = await post(client, f"/{prefix}/embed_text", text=["left", "up"])
    assert many["embeddings"] == [[1.0, 0.0], [0.0, 2.0]]
    assert [(job.media, job.inputs) for job in queue.seen[1:]] == [("text", [b"left"]), ("text", [b"up"])]
    assert (await post(client, f"/{prefix}/embed_text", text="left"))["embeddings"] == [[1.0, 0.0]]
    assert {job.model.split("/")[0] for job in queue.seen} == {prefix}


async def test_texts_are_compared_where_the_image_is(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(client, "/clip/compare", subject=jpeg, prompt=["left", "up"])
    assert found["similarity"] == [0.4, 0.2]
    assert set(found) == {"inference_id", "frame_id", "time", "similarity", "parent_id"}
    (job,) = queue.seen
    assert (job.media, job.params) == ("image", {"texts": ["left", "up"]})
    named = await post(client, "/clip/compare", subject=jpeg, prompt={"a": "left", "b": "up"})
    assert named["similarity"] == {"a": 0.4, "b": 0.2}
    alone = await post(client, "/clip/compare", subject="up", subject_type="text", prompt="left")
    assert alone["similarity"] == [0.4]


async def test_images_are_compared_by_their_vectors(client: TestClient, jpeg: dict) -> None:
    found = await post(
        client, "/clip/compare", subject="left", subject_type="text", prompt=[jpeg, jpeg], prompt_type="image"
    )
    assert found["similarity"] == pytest.approx([0.6, 0.6])
    named = await post(client, "/clip/compare", subject=jpeg, prompt={"same": jpeg}, prompt_type="image")
    assert named["similarity"] == pytest.approx({"same": 1.0})
    alone = await post(client, "/clip/compare", subject=jpeg, prompt=jpeg, prompt_type="image")  # no map of two texts
    assert alone["similarity"] == pytest.approx([1.0])


@pytest.mark.parametrize(
    "body",
    [
        {"subject": "left", "prompt": ["up"]},
        {"subject": "left", "subject_type": "text", "prompt": ["up"], "prompt_type": "image"},
        {"subject": "left", "subject_type": "text", "prompt": {"a": {"type": "base64", "value": "aGk="}}},
    ],
    ids=["no image", "no images", "no text"],
)
async def test_what_is_of_the_other_kind_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    answer = await post(client, "/clip/compare", 400, **body)
    assert "type" in answer["message"]


async def test_no_more_inputs_than_images_of_a_request(client: TestClient) -> None:
    many = {"subject": "left", "subject_type": "text", "prompt": ["up"] * 5}
    assert (await post(client, "/clip/compare", 413, **many))["code"] == "too_large"


async def test_empty_lists_are_refused(client: TestClient) -> None:
    await post(client, "/clip/embed_text", 422, text=[])
    await post(client, "/clip/embed_image", 422, image=[])
    await post(client, "/clip/embed_text", 404, text="x", clip_version_id="RN50")
    await post(client, "/clip/embed_text", 400, text="x", model_id="shapes-detector")


async def test_depth(client: TestClient, jpeg: dict, queue: MemoryQueue) -> None:
    found = await post(client, "/infer/depth-estimation", image=jpeg)
    assert found == {"normalized_depth": [[0.0, 1.0]], "depth_map_format": "json", "image": "/9huZWFy"}
    await post(client, "/infer/depth-estimation/depth-anything-v3/small", image=jpeg, depth_map_format="png16")
    assert [(job.model, job.params["depth_map_format"]) for job in queue.seen] == [
        ("depth-anything-v2/small", "json"),
        ("depth-anything-v3/small", "png16"),
    ]
    await post(client, "/infer/depth-estimation", 422, image=jpeg, depth_map_format="tiff")
    await post(client, "/infer/depth-estimation", 422, image=[jpeg, jpeg])
    clash = await post(client, "/infer/depth-estimation/depth-anything-v2/small", 400, image=jpeg, model_id="other")
    assert "Model ID mismatch" in clash["message"]


async def test_msgpack_both_ways(client: TestClient) -> None:
    packed = {"Content-Type": "application/msgpack", "Accept": "application/msgpack"}
    asked = msgpack.packb({"image": {"type": "bytes", "value": JPEG}, "depth_map_format": "png16"})
    answer = await client.post("/infer/depth-estimation", data=asked, headers=packed)
    assert msgpack.unpackb(await answer.read())["image"] == b"\xff\xd8near"
    asked = msgpack.packb({"image": JPEG})
    answer = await client.post("/clip/embed_image", data=asked, headers=packed)
    assert msgpack.unpackb(await answer.read())["embeddings"] == [[3.0, 4.0]]
