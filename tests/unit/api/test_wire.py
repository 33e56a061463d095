"""Details of Roboflow's wire format: nulls, options, headers, files, models that still load, the error bodies."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from api_service.settings import ApiSettings
from shared.errors import DeadlineExceeded
from shared.jobs import Job, JobResult
from tests.unit.api.conftest import JPEG
from tests.unit.api.fakes import MemoryFleet, MemoryQueue, model

TASKS = {
    "object_detection": "object-detection",
    "instance_segmentation": "instance-segmentation",
    "keypoints_detection": "keypoint-detection",
    "classification": "classification",
    "semantic_segmentation": "semantic-segmentation",
}
# Every field of every typed route beside model_id and image, and what only Roboflow's cloud understands.
NULLS = (
    *("id", "api_key", "usage_billable", "start", "source", "source_info", "disable_model_monitoring", "model_type"),
    *("disable_preproc_auto_orient", "disable_preproc_contrast", "disable_preproc_grayscale"),
    *("disable_preproc_static_crop", "class_agnostic_nms", "class_filter", "confidence", "fix_batch_size"),
    *("iou_threshold", "max_detections", "max_candidates", "visualization_labels", "visualization_stroke_width"),
    *("visualize_predictions", "disable_active_learning", "active_learning_target_dataset", "keypoint_confidence"),
    *("mask_decode_mode", "tradeoff_factor", "response_mask_format", "enforce_dense_masks_in_inference_models"),
    *("hardware", "nms_mode", "visualization_format", "allow_reduced_mask_resolution", "include_anomaly_map"),
)


@pytest.fixture
def fleet() -> MemoryFleet:
    made = MemoryFleet()
    made.fleet.models |= {name: model(name, task, ["w1"]) for name, task in TASKS.items()}
    return made


@pytest.mark.parametrize("task", TASKS)
async def test_null_is_the_same_as_absent(client: TestClient, queue: MemoryQueue, jpeg: dict, task: str) -> None:
    answer = await client.post(f"/infer/{task}", json={"model_id": task, "image": jpeg, **dict.fromkeys(NULLS)})
    assert answer.status == 200, await answer.text()
    assert queue.seen[0].params == {}
    body = await answer.json()
    assert body["inference_id"]
    assert None not in body.values(), "what is not there is left out, not null"


@pytest.mark.parametrize("task", TASKS)
async def test_every_task_can_be_drawn(client: TestClient, queue: MemoryQueue, jpeg: dict, task: str) -> None:
    wanted = {"model_id": task, "image": jpeg, "visualize_predictions": True, "visualization_format": "png"}
    assert (await client.post(f"/infer/{task}", json=wanted)).status == 200
    drawing = {"visualization_labels": False, "visualization_stroke_width": 1, "visualization_format": "png"}
    assert queue.seen[0].params == {"visualize": True, **drawing}


async def test_options_of_segmentation_and_keypoints(client: TestClient, queue: MemoryQueue, jpeg: dict) -> None:
    masks = {"mask_decode_mode": "tradeoff", "tradeoff_factor": 0.5, "response_mask_format": "rle"}
    wanted = {"model_id": "instance_segmentation", "image": jpeg, **masks}
    assert (await client.post("/infer/instance_segmentation", json=wanted)).status == 200
    wanted = {"model_id": "keypoints_detection", "image": jpeg, "keypoint_confidence": 0.3}
    assert (await client.post("/infer/keypoints_detection", json=wanted)).status == 200
    assert [job.params for job in queue.seen] == [masks, {"keypoint_confidence": 0.3}]


@pytest.mark.parametrize("wrong", [{"mask_decode_mode": "best"}, {"tradeoff_factor": 2}, {"tradeoff_factor": -0.1}])
async def test_wrong_mask_arguments_are_a_message(client: TestClient, jpeg: dict, wrong: dict[str, Any]) -> None:
    typed = await client.post(
        "/infer/instance_segmentation", json={"model_id": "instance_segmentation", "image": jpeg, **wrong}
    )
    query = {name: str(value) for name, value in wrong.items()}
    legacy = await client.post("/team/7", params=query, data=jpeg["value"])
    for answer in (typed, legacy):
        assert answer.status == 400
        assert set(await answer.json()) == {"message", "code"}


async def test_headers_of_every_answer(client: TestClient, jpeg: dict) -> None:
    for path in ("/healthz", "/nowhere", "/model/registry"):
        headers = (await client.get(path)).headers
        assert float(headers["X-Processing-Time"]) > 0
        assert (headers["X-Model-Cold-Start"], headers["X-Model-Cold-Start-Count"]) == ("false", "0")
        assert headers["X-Inference-Engine"] == "visionfleet"
        assert len(headers["X-Request-ID"]) == 32
        assert "X-Model-Id" not in headers
    warm = await client.post("/infer/object_detection", json={"model_id": "shapes-detector", "image": jpeg})
    assert (warm.headers["X-Model-Id"], warm.headers["X-Model-Cold-Start"]) == ("shapes-detector", "false")
    cold = await client.post("/infer/object_detection", json={"model_id": "team/7", "image": jpeg})
    assert (cold.headers["X-Model-Cold-Start"], cold.headers["X-Model-Cold-Start-Count"]) == ("true", "1")


async def test_loading_tells_how_long_it_took(client: TestClient) -> None:
    loaded = await client.post("/model/add", json={"model_id": "team/7", "api_key": None, "model_type": None})
    assert float(loaded.headers["X-Model-Load-Time"]) > 0
    assert loaded.headers["X-Model-Load-Details"].startswith('[{"m":"team/7","t":')
    held = await client.post("/model/add", json={"model_id": "shapes-detector"})
    assert "X-Model-Load-Time" not in held.headers


async def test_an_inference_tells_of_the_load_that_it_waited_for(
    client: TestClient, queue: MemoryQueue, jpeg: dict
) -> None:
    queue.load_ms = 1500.0
    cold = await client.post("/infer/object_detection", json={"model_id": "shapes-detector", "image": jpeg})
    assert (cold.headers["X-Model-Cold-Start"], cold.headers["X-Model-Load-Time"]) == ("true", "1.500000")
    assert cold.headers["X-Model-Load-Details"] == '[{"m":"shapes-detector","t":1.5}]'
    queue.load_ms = None
    warm = await client.post("/infer/object_detection", json={"model_id": "shapes-detector", "image": jpeg})
    assert "X-Model-Load-Time" not in warm.headers


async def test_a_model_that_still_loads(
    client: TestClient, queue: MemoryQueue, fleet: MemoryFleet, jpeg: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(jobs: list[Job]) -> list[JobResult]:
        return [JobResult.failed(job.id, DeadlineExceeded("too late")) for job in jobs]

    monkeypatch.setattr(queue, "call", late)
    typed = await client.post("/infer/object_detection", json={"model_id": "team/7", "image": jpeg})
    added = await client.post("/model/add", json={"model_id": "team/7"})
    for answer in (typed, added):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert (await answer.json())["code"] == "model_not_ready"
    held = await client.post("/infer/object_detection", json={"model_id": "shapes-detector", "image": jpeg})
    assert held.status == 504, "it is loaded: the time was too short"


async def test_names_under_which_models_are_listed(client: TestClient, fleet: MemoryFleet) -> None:
    await client.post("/model/add", json={"model_id": "shapes"})
    listed = (await (await client.get("/model/registry?api_key=None")).json())["models"]
    assert {entry["model_id"] for entry in listed} == {"shapes", "shapes-detector"}
    await client.post("/model/remove", json={"model_id": "shapes"})
    assert (await (await client.get("/model/registry")).json())["models"] == []
    assert (await client.post("/model/remove", json={"model_id": "never/heard-of"})).status == 200
    assert fleet.fleet.active == set()


async def test_bearer_and_other_keys_are_no_obstacle(client: TestClient, jpeg: dict) -> None:
    headers = {"Authorization": "Bearer some-key"}
    query = {"api_key": "k", "countinference": "False", "service_secret": "s", "classes": "x"}
    answer = await client.post("/team/7", params=query, data=jpeg["value"], headers=headers)
    assert answer.status == 200


@pytest.mark.parametrize("visualization_format", ["jpeg", "png"])
async def test_a_picture_alone_says_what_it_is(
    client: TestClient, queue: MemoryQueue, jpeg: dict, visualization_format: str
) -> None:
    start = {"jpeg": b"\xff\xd8", "png": b"\x89PNG"}[visualization_format]
    queue.work = lambda _, job: {"task": "object-detection", "visualization": start + b"..."}
    query = {"format": "image", "visualization_format": visualization_format}
    answer = await client.post("/team/7", params=query, data=jpeg["value"])
    assert (answer.content_type, await answer.read()) == (f"image/{visualization_format}", start + b"...")


class TestFiles:
    """Images by their path on the server."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "open").mkdir()
        (tmp_path / "open" / "a.jpg").write_bytes(JPEG)
        (tmp_path / "open" / "big.jpg").write_bytes(JPEG * 10_000)
        (tmp_path / "secret.jpg").write_bytes(JPEG)
        (tmp_path / "open" / "way-out").symlink_to(tmp_path)
        return tmp_path / "open"

    @pytest.fixture
    def settings(self, folder: Path) -> ApiSettings:
        return ApiSettings(max_body_bytes=64 * 1024, max_images=4, image_folders=(folder,))

    async def test_files_of_the_folder(self, client: TestClient, queue: MemoryQueue, folder: Path) -> None:
        wanted = {"model_id": "team/7", "image": {"type": "file", "value": str(folder / "a.jpg")}}
        assert (await client.post("/infer/object_detection", json=wanted)).status == 200
        assert queue.seen[0].inputs == [JPEG]

    @pytest.mark.parametrize(
        "path", ["../secret.jpg", "way-out/secret.jpg", "missing.jpg", ".", "a.jpg/b", "a\0.jpg", "x" * 5000]
    )
    async def test_nothing_else(self, client: TestClient, folder: Path, path: str) -> None:
        wanted = {"model_id": "team/7", "image": {"type": "file", "value": f"{folder}/{path}"}}
        answer = await client.post("/infer/object_detection", json=wanted)
        assert answer.status == 400
        message = (await answer.json())["message"]
        assert "not in a folder that this server reads" in message
        assert "secret" not in message

    async def test_large_files(self, client: TestClient, folder: Path) -> None:
        wanted = {"model_id": "team/7", "image": {"type": "file", "value": str(folder / "big.jpg")}}
        assert (await client.post("/infer/object_detection", json=wanted)).status == 413


async def test_files_are_refused_by_default(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    wanted = {"model_id": "team/7", "image": {"type": "file", "value": str(tmp_path / "a.jpg")}}
    answer = await client.post("/infer/object_detection", json=wanted)
    assert (answer.status, (await answer.json())["code"]) == (400, "invalid_image")


async def test_legacy_numpy_is_refused(client: TestClient) -> None:
    pickled = base64.b64encode(b"\x80\x04K\x01.")
    answer = await client.post("/team/7", params={"image_type": "numpy"}, data=pickled)
    assert answer.status == 400
    assert (await answer.json())["message"].startswith("Could not load input image. Cause: Pickled arrays")
