"""``/sam/*`` and ``/sam2/*`` over HTTP: a real API, real workers with real graphs, and the masks of the originals."""

from __future__ import annotations

import base64
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests

from tests.integration.worker_process import WorkerProcess
from tests.parity import pictures
from tests.parity.foundation import FOLDER, PROMPTS, scaled
from tests.redis_server import RedisServer, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
MODELS = {
    "sam/vit_h": "sam-meta",
    "sam/vit_b": "sam-hf-boxes",
    "sam2/hiera_large": "sam2-hf",
    "sam2/hiera_tiny": "sam2-exporter",
}
WIDE, SIZE = "wide.jpg", (640, 360)
LOGITS, OVERLAP = 1e-3, 0.999
Image = dict[str, str]


class System:
    """One API process, and the workers of one redis-server."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{(port := free_port())}"
        self.settings = {
            "redis_url": redis_url,
            "model_dirs": str(folder / "models"),
            "data_dir": str(folder),
            "preload_models": ",".join(MODELS),
            "intra_op_threads": "1",
            "spinning": "false",
            "lease_ms": "2000",
        }
        for name, net in MODELS.items():
            made = shutil.copytree(FOLDER / net, folder / "models" / name)
            stated = json.loads((made / "model.json").read_bytes())
            (made / "model.json").write_text(json.dumps({**stated, "id": name}))
        self.workers: dict[str, WorkerProcess] = {}
        self.api = WorkerProcess("api", folder / "api.log", ("-m", "api_service"), port=str(port), **self.settings)

    def start(self, name: str) -> None:
        """Start a worker and wait until it takes jobs."""
        log = self.folder / f"{name}.log"
        self.workers[name] = WorkerProcess(name, log, ("-m", "worker_service"), **self.settings)
        until(lambda: name in self.ready(), f"{name} is ready", log)

    def stop(self, name: str) -> None:
        """Kill a worker and wait until nobody counts on it."""
        self.workers.pop(name).kill()
        until(lambda: name not in self.ready(), f"{name} is gone", self.folder / "api.log")

    def ready(self) -> set[str]:
        try:
            fleet = requests.get(f"{self.url}/v1/fleet", timeout=10).json()
        except requests.ConnectionError:
            return set()
        return {worker["id"] for worker in fleet["workers"] if worker["state"] == "ready"}

    def post(self, path: str, status: int = 200, **body: Any) -> Any:
        answer = requests.post(f"{self.url}{path}", json=body, timeout=60)
        assert answer.status_code == status, answer.text
        return answer.json() if "json" in answer.headers["Content-Type"] else answer.content

    def close(self) -> None:
        for process in (self.api, *self.workers.values()):
            process.kill()


def until(condition: Callable[[], bool], what: str, log: Path, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{log.read_text()[-2000:]}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("sam")
    (folder / "redis").mkdir()
    redis = RedisServer(folder / "redis")
    redis.start()
    made = System(redis.url, folder)
    try:
        made.start("one")
        yield made
    finally:
        made.close()
        redis.kill()


def picture(name: str = WIDE) -> Image:
    return {"type": "base64", "value": base64.b64encode(pictures.read(name)).decode()}


def known(net: str, key: str) -> Any:
    with np.load(FOLDER / net / "answers.npz") as file:
        return file[key]


def reference(net: str, kind: str) -> Any:
    """The original's mask [height, width] on the wide picture."""
    return np.unpackbits(known(net, f"{WIDE}.{kind}"))[: SIZE[0] * SIZE[1]].reshape(SIZE[::-1])


def labelled(kind: str) -> dict[str, Any]:
    """A prompt in the words of ``/sam``: a box is two points labelled 2 and 3."""
    asked = scaled(PROMPTS[kind], *SIZE)
    coords, labels = [list(point[:2]) for point in asked["points"]], [point[2] for point in asked["points"]]
    if asked["box"] is not None:
        coords, labels = [*coords, list(asked["box"][:2]), list(asked["box"][2:])], [*labels, 2, 3]
    return {"point_coords": coords, "point_labels": labels}


def prompted(kind: str) -> dict[str, Any]:
    """The same in the words of ``/sam2``: a box is told by its centre."""
    asked = scaled(PROMPTS[kind], *SIZE)
    prompt: dict[str, Any] = {}
    if asked["points"]:
        prompt["points"] = [{"x": x, "y": y, "positive": label == 1} for x, y, label in asked["points"]]
    if asked["box"] is not None:
        x0, y0, x1, y1 = asked["box"]
        prompt["box"] = {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2, "width": x1 - x0, "height": y1 - y0}
    return prompt


def unpacked(data: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(data)) as file:
        return dict(file)


def overlap(one: Any, other: Any) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def filled(outlines: Any) -> Any:
    """What outlines with holes enclose."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillPoly(mask, [np.array(line, np.int32) for line in outlines], 1)
    return mask


def of_rle(rle: dict[str, Any]) -> Any:
    """COCO's text as a mask, after pycocotools' description of it."""
    counts: list[int] = []
    value = shift = 0
    for letter in rle["counts"]:
        code = ord(letter) - 48
        value |= (code & 0x1F) << shift
        shift += 5
        if not code & 0x20:
            value -= (1 << shift) if code & 0x10 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    flat = np.repeat(np.arange(len(counts)) % 2, counts)
    return flat.reshape(rle["size"][::-1]).T.astype(np.uint8)


def test_sam_embeds_once_and_answers_any_prompt(system: System) -> None:
    """Without the image, by its id: points on and off the object, a box, both; the masks of the original."""
    embedded = system.post("/sam/embed_image", image=picture(), image_id="wide")
    assert np.array(embedded["embeddings"]).shape == (1, 32, 8, 8)
    for kind in PROMPTS:
        asked = {"image_id": "wide", **labelled(kind), "use_mask_input_cache": False}
        found = unpacked(system.post("/sam/segment_image", format="binary", **asked))
        assert overlap(found["masks"][0], reference("sam-meta", kind)) > OVERLAP, kind
        assert np.abs(found["low_res_masks"][0] - known("sam-meta", f"{WIDE}.{kind}.low")).max() < LOGITS
        told = system.post("/sam/segment_image", **asked)
        assert set(told) == {"masks", "low_res_masks", "time"}
        (largest,) = told["masks"]
        assert 0 <= np.min(largest) <= np.max(np.array(largest), axis=0)[0] < SIZE[0]
        contours, _ = cv2.findContours(found["masks"][0].astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        assert sorted(map(tuple, largest)) in [sorted(map(tuple, c.reshape(-1, 2).tolist())) for c in contours]


def test_sam_answers_embeddings_that_are_sent(system: System) -> None:
    asked = {**labelled("points"), "orig_im_size": SIZE[::-1], "format": "binary"}
    rows = system.post("/sam/embed_image", image=picture())["embeddings"]
    file = system.post("/sam/embed_image", image=picture(), format="binary")
    np.testing.assert_allclose(np.load(io.BytesIO(file)), np.array(rows)[0], atol=1e-5)
    packed = base64.b64encode(file).decode()
    for given in ({"embeddings": rows}, {"embeddings": packed, "embeddings_format": "binary"}):
        found = unpacked(system.post("/sam/segment_image", **asked, **given))
        assert overlap(found["masks"][0], reference("sam-meta", "points")) > OVERLAP


def test_sam_goes_on_from_a_mask(system: System) -> None:
    """The one that is remembered of the last answer, or one that is sent; the original's answer to both."""
    system.post("/sam/embed_image", image=picture(), image_id="again")
    system.post("/sam/segment_image", image_id="again", **labelled("both"))
    first = {"image_id": "again", **labelled("point"), "format": "binary", "use_mask_input_cache": False}
    begun = unpacked(system.post("/sam/segment_image", has_mask_input=True, **first))
    assert np.abs(begun["low_res_masks"][0] - known("sam-meta", f"{WIDE}.again")).max() < LOGITS
    mask = known("sam-meta", f"{WIDE}.both.low")[None].astype(float).tolist()
    given = unpacked(system.post("/sam/segment_image", has_mask_input=True, mask_input=mask, **first))
    np.testing.assert_allclose(given["low_res_masks"], begun["low_res_masks"], atol=LOGITS)
    plain = unpacked(system.post("/sam/segment_image", **first))
    assert np.abs(plain["low_res_masks"] - begun["low_res_masks"]).max() > 10 * LOGITS


def test_sam_of_hugging_face_takes_no_corners(system: System) -> None:
    """Its decoder has boxes for themselves, which the route has no word for; without any prompt it takes the image."""
    asked = {"sam_version_id": "vit_b", "image": picture()}
    error = system.post("/sam/segment_image", 400, **asked, **labelled("point"))
    assert error["code"] == "invalid_request"
    assert system.post("/sam/segment_image", **asked)["masks"]


@pytest.mark.parametrize(("version", "net"), [("hiera_large", "sam2-hf"), ("hiera_tiny", "sam2-exporter")])
def test_sam2_answers_all_prompts_in_every_format(system: System, version: str, net: str) -> None:
    ours = {"sam2_version_id": version, "image": picture()}
    embedded = system.post("/sam2/embed_image", **ours, image_id="wide")
    assert (set(embedded), embedded["image_id"]) == ({"image_id", "time"}, "wide")
    assert len(system.post("/sam2/embed_image", **ours)["image_id"]) > 10, "one is given"
    asked = {**ours, "image_id": "wide", "prompts": [prompted(kind) for kind in PROMPTS]}
    polygons, rle = (system.post("/sam2/segment_image", format=f, **asked)["predictions"] for f in ("json", "rle"))
    binary = unpacked(system.post("/sam2/segment_image", format="binary", **asked))
    assert len(polygons) == len(rle) == len(binary["masks"]) == len(PROMPTS)
    for i, kind in enumerate(PROMPTS):
        wanted = reference(net, kind)
        assert overlap(binary["masks"][i], wanted) > OVERLAP, kind
        assert np.array_equal(of_rle(rle[i]["masks"]), binary["masks"][i])
        assert overlap(filled(polygons[i]["masks"]), wanted) > 0.97
        assert [row["format"] for row in (polygons[i], rle[i])] == ["polygon", "rle"]
        for score in (polygons[i]["confidence"], rle[i]["confidence"], binary["scores"][i]):
            assert score == pytest.approx(float(known(net, f"{WIDE}.{kind}.score")[0]), abs=1e-3)


def test_sam2_takes_prompts_in_all_shapes(system: System) -> None:
    ours = {"image": picture(), "format": "rle"}
    one = prompted("points")
    shapes: list[Any] = [[one], {"prompts": [one]}, one]
    found = [system.post("/sam2/segment_image", **ours, prompts=shape)["predictions"] for shape in shapes]
    assert found[0] == found[1] == found[2]
    without = {**one, "points": [point for point in one["points"] if point["positive"]]}
    assert system.post("/sam2/segment_image", **ours, prompts=[without])["predictions"] != found[0], "negative points"
    assert len(system.post("/sam2/segment_image", **ours)["predictions"]) == 1
    assert system.post("/sam2/segment_image", **ours, prompts=None)["predictions"]


def test_sam2_goes_on_from_the_prompt_without_its_last_point(system: System) -> None:
    version = {"sam2_version_id": "hiera_tiny", "image": picture(), "image_id": "steps"}
    point, further = prompted("points")["points"][:2]
    first = [{"points": [point]}]
    system.post("/sam2/segment_image", **version, prompts=first, save_logits_to_cache=True)
    then: dict[str, Any] = {**version, "prompts": [{"points": [point, further]}], "format": "binary"}
    begun = unpacked(system.post("/sam2/segment_image", **then, load_logits_from_cache=True))
    plain = unpacked(system.post("/sam2/segment_image", **then))
    assert np.abs(begun["low_res_masks"] - plain["low_res_masks"]).max() > LOGITS


def test_an_id_that_another_image_comes_under(system: System) -> None:
    """What is remembered is of an image of another size: the new one is embedded."""
    system.post("/sam2/embed_image", image=picture(), image_id="reused")
    asked = {"image": picture("tall.jpg"), "prompts": [{"points": [{"x": 20, "y": 20, "positive": True}]}]}
    fresh = system.post("/sam2/segment_image", **asked, format="rle")["predictions"]
    reused = system.post("/sam2/segment_image", **asked, format="rle", image_id="reused")["predictions"]
    assert reused == fresh


BAD: list[tuple[str, int, dict[str, Any]]] = [
    ("/sam/segment_image", 400, {"image_id": "never seen", "point_coords": [[1, 1]], "point_labels": [1]}),
    ("/sam/segment_image", 400, {"point_coords": [[1, 1]], "point_labels": [1]}),
    ("/sam/segment_image", 422, {"image_id": "wide", "point_coords": [[1, 1]], "point_labels": [1, 0]}),
    ("/sam/segment_image", 422, {"image_id": "wide", "point_coords": [[1, 1]], "point_labels": [7]}),
    ("/sam/segment_image", 422, {"image_id": "wide", "point_coords": [[1]], "point_labels": [1]}),
    ("/sam/segment_image", 422, {"image_id": "wide", "point_coords": [["a", "b"]], "point_labels": [1]}),
    ("/sam/segment_image", 422, {"image_id": "wide", "point_coords": [[1e9, 1]], "point_labels": [1]}),
    ("/sam/segment_image", 400, {"embeddings": [[[[0.0]]]], "orig_im_size": [9, 9]}),
    ("/sam/segment_image", 400, {"embeddings": [[[[0.0]]]]}),
    ("/sam/segment_image", 400, {"image_id": "wide", "has_mask_input": True, "mask_input": [[[0.0]]]}),
    ("/sam/embed_image", 422, {"image_id": "wide"}),
    ("/sam2/embed_image", 422, {}),
    ("/sam2/segment_image", 422, {"prompts": [prompted("point")]}),
    ("/sam2/segment_image", 422, {"image": picture(), "prompts": [{"points": [{"x": 1, "y": 1}]}]}),
    (
        "/sam2/segment_image",
        422,
        {"image": picture(), "prompts": [{"box": {"x": 1, "y": 1, "width": -1, "height": 1}}]},
    ),
    ("/sam2/segment_image", 422, {"image": picture(), "prompts": [{}] * 1001}),
    ("/sam2/segment_image", 422, {"image": picture(), "format": "svg"}),
    ("/sam2/segment_image", 400, {"image": {"type": "base64", "value": "AAAA"}}),
    ("/sam2/segment_image", 404, {"image": picture(), "sam2_version_id": "none"}),
]


@pytest.mark.parametrize(("path", "status", "body"), BAD, ids=range(len(BAD)))
def test_what_cannot_be_answered_says_why(system: System, path: str, status: int, body: dict[str, Any]) -> None:
    system.post("/sam/embed_image", image=picture(), image_id="wide")
    error = system.post(path, status, **body)
    assert error.get("message") or error["detail"][0]["msg"]


def test_an_image_that_one_worker_embedded_is_answered_by_another(system: System) -> None:
    """The first is killed before the second starts: what the second knows, it has from Redis."""
    system.post("/sam/embed_image", image=picture(), image_id="shared")
    system.post("/sam/segment_image", image_id="shared", **labelled("both"))
    system.stop("one")
    system.start("two")
    asked = {"image_id": "shared", "format": "binary", "use_mask_input_cache": False}
    for kind in PROMPTS:
        found = unpacked(system.post("/sam/segment_image", **asked, **labelled(kind)))
        assert overlap(found["masks"][0], reference("sam-meta", kind)) > OVERLAP, kind
    begun = unpacked(system.post("/sam/segment_image", **asked, **labelled("point"), has_mask_input=True))
    assert np.abs(begun["low_res_masks"][0] - known("sam-meta", f"{WIDE}.again")).max() < LOGITS, "and its mask"
    system.start("three")
    with ThreadPoolExecutor(8) as pool:
        asks = [pool.submit(system.post, "/sam/segment_image", **asked, **labelled("points")) for _ in range(24)]
        masks = [unpacked(one.result())["masks"][0] for one in asks]
    assert all(overlap(mask, reference("sam-meta", "points")) > OVERLAP for mask in masks)
