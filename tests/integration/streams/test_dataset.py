"""The dataset sink with a real redis-server, a folder, and a local stand-in for Roboflow's upload endpoints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import cv2
import fsspec
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.errors import InvalidRequest, SinkUnavailable
from stream_service.sink import Sink
from tests.streams.results import context, result, sink, written

pytestmark = pytest.mark.integration
ALL = {"name": "all", "type": "random", "traffic_percentage": 1.0}


def collect(where: Path, redis_url: str, *strategies: dict[str, Any], settings: Any = None, **options: Any) -> Sink:
    made = context(where, redis_url=redis_url, **(settings or {}))
    return sink("dataset", made, sampling_strategies=list(strategies) or [ALL], **options)


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jpg"))


async def test_a_picture_and_what_was_seen_on_it_are_of_one_size(redis_url: str, tmp_path: Path) -> None:
    await written(collect(tmp_path, redis_url, max_image_size=160, tags=["night"]), result(1))
    (path,) = pictures(tmp_path)
    assert path.parent.name == "visionfleet_2027_01_15"
    about = json.loads(path.with_suffix(".json").read_bytes())
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (90, 160, 3)
    assert about["image"] == {"width": 160, "height": 90}
    row = about["predictions"][0]
    assert (row["x"], row["y"], row["width"], row["height"]) == (30, 25, 20, 20)
    assert (about["tags"], about["strategy"], about["source_id"]) == (["night"], "all", "door")


async def test_limits_hold_over_replicas_and_the_next_strategy_goes_on(redis_url: str, tmp_path: Path) -> None:
    few = {**ALL, "name": "few", "limits": [{"type": "hourly", "value": 2}, {"type": "daily", "value": 100}]}
    rest = {**ALL, "name": "rest", "limits": [{"type": "daily", "value": 1}]}
    await written(collect(tmp_path, redis_url, few, rest), *map(result, range(1, 4)))
    await written(collect(tmp_path, redis_url, few, rest), *map(result, range(4, 8)))
    names = [json.loads(path.with_suffix(".json").read_bytes())["strategy"] for path in pictures(tmp_path)]
    assert names == ["few", "few", "rest"]
    late = result(50_000)  # the next hour, the same day
    await written(collect(tmp_path, redis_url, few, rest), late)
    assert len(pictures(tmp_path)) == 4


async def test_a_batch_is_never_larger_than_it_may_be(redis_url: str, tmp_path: Path) -> None:
    batching = {"max_batch_images": 2, "recreation_interval": "never"}
    await written(collect(tmp_path, redis_url, batching_strategy=batching), *map(result, range(1, 6)))
    assert len(pictures(tmp_path)) == 2


@pytest.mark.parametrize("url", ["file://{}/sub", "file://{}"])
async def test_a_url_must_be_allowed(redis_url: str, tmp_path: Path, url: str) -> None:
    place = url.format(tmp_path / "datasets")
    allowed = {"stream_dataset_urls": (f"file://{tmp_path}/datasets",)}
    await written(collect(tmp_path / "own", redis_url, url=place, settings=allowed), result(1))
    assert len(pictures(tmp_path / "datasets")) == 1
    for elsewhere in (f"file://{tmp_path}/datasets-of-others", f"{place}/../../elsewhere"):
        with pytest.raises(InvalidRequest, match="VISIONFLEET_STREAM_DATASET_URLS"):
            await written(collect(tmp_path, redis_url, url=elsewhere, settings=allowed), result(2))


class Roboflow:
    """Answers as Roboflow's upload and annotation endpoints do, and keeps what it was sent."""

    def __init__(self) -> None:
        self.uploads: list[tuple[Any, dict[str, bytes]]] = []
        self.annotations: list[tuple[str, dict[str, Any], Any]] = []
        self.answer: dict[str, Any] = {"success": True, "id": "img1"}
        self.status = 200
        self.url = ""

    async def upload(self, request: web.Request) -> web.Response:
        fields: dict[str, bytes] = {}
        async for part in await request.multipart():
            fields[part.name] = await part.read()  # type: ignore[union-attr,index]
        self.uploads.append((request.query, fields))
        return web.json_response(self.answer, status=self.status)

    async def annotate(self, request: web.Request) -> web.Response:
        self.annotations.append((request.match_info["id"], dict(request.query), await request.json()))
        return web.json_response({"success": True})


@pytest.fixture
async def roboflow() -> AsyncIterator[Roboflow]:
    made = Roboflow()
    app = web.Application()
    app.router.add_post("/dataset/shapes/upload", made.upload)
    app.router.add_post("/dataset/shapes/annotate/{id}", made.annotate)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/"))
        yield made


def upload(roboflow: Roboflow, where: Path, redis_url: str, *strategies: dict[str, Any]) -> Sink:
    settings = {"stream_roboflow_url": roboflow.url}
    return collect(where, redis_url, *strategies, settings=settings, project="shapes", api_key="k3y", tags=["a", "b"])


async def test_a_bucket_gets_pictures_and_answers(redis_url: str, tmp_path: Path) -> None:
    """A file system of fsspec's that is no folder; s3 is one more of them."""
    files = fsspec.filesystem("memory")
    allowed = {"stream_dataset_urls": ("memory://bucket",)}
    try:
        await written(collect(tmp_path, redis_url, url="memory://bucket/yard", settings=allowed), result(1))
        picture, about = sorted(files.find("/bucket/yard"))
        assert (picture[:-4], picture[-4:], about[-5:]) == (about[:-5], ".jpg", ".json")
        assert cv2.imdecode(np.frombuffer(files.cat_file(picture), np.uint8), cv2.IMREAD_COLOR) is not None
        assert json.loads(files.cat_file(about))["predictions"]
    finally:
        files.rm("/bucket", recursive=True)
    assert not pictures(tmp_path)


async def test_a_roboflow_project_gets_picture_batch_tags_and_predictions(
    roboflow: Roboflow, redis_url: str, tmp_path: Path
) -> None:
    await written(upload(roboflow, tmp_path, redis_url), result(1))
    ((query, fields),) = roboflow.uploads
    assert (query["api_key"], query["batch"], query.getall("tag")) == ("k3y", "visionfleet_2027_01_15", ["a", "b"])
    assert fields["file"][:2] == b"\xff\xd8"
    ((image_id, about, body),) = roboflow.annotations
    assert (image_id, about["prediction"]) == ("img1", "true")
    assert body["predictions"][0]["class"] == "circle"


async def test_duplicates_and_failures_cost_no_allowance(roboflow: Roboflow, redis_url: str, tmp_path: Path) -> None:
    one = {**ALL, "limits": [{"type": "daily", "value": 1}]}
    made = upload(roboflow, tmp_path, redis_url, one)
    await made.open()
    roboflow.answer = {"duplicate": True, "id": "img0"}
    await made.write(result(1))
    roboflow.status = 503
    with pytest.raises(SinkUnavailable, match="503"):
        await made.write(result(2))
    roboflow.status, roboflow.answer = 200, {"success": True, "id": "img1"}
    await made.write(result(3))
    await made.write(result(4))
    await made.close()
    assert len(roboflow.uploads) == 3
    assert len(roboflow.annotations) == 1


async def test_a_wrong_key_is_said_without_showing_it(roboflow: Roboflow, redis_url: str, tmp_path: Path) -> None:
    roboflow.status = 401
    with pytest.raises(InvalidRequest, match="API key") as refused:
        await written(upload(roboflow, tmp_path, redis_url), result(1))
    assert "k3y" not in str(refused.value)
