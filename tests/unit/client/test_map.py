"""Many images: folders, patterns, lists, videos; bounded, in order, each with its own error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from visionfleet import Client, JobOptions
from visionfleet.errors import InvalidImage, ModelNotFound, NotInstalled, TooLarge
from visionfleet.sources import images_of

from tests.unit.client.answers import BAD_IMAGE, DETECTIONS, OUTPUT, job
from tests.unit.client.fake_server import Answer, Asked, FakeServer

INFER = "/infer/object_detection"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("b.jpg", "a.png", "more/c.jpg"):
        (folder / name).write_bytes(name.encode())
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for shade in range(0, 100, 10):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    return path


def test_folder_and_pattern(client: Client, photos: Path) -> None:
    names = [Path(one.name).relative_to(photos).as_posix() for one in client.map(photos, "shapes")]
    assert names == ["a.png", "b.jpg", "more/c.jpg"]
    assert [Path(one.name).name for one in client.map(f"{photos}/*.jpg", "shapes")] == ["b.jpg"]


def test_one_bad_image_fails_alone(client: Client, server: FakeServer, photos: Path) -> None:
    def answer(asked: Asked) -> Answer:
        bad = asked.json["image"]["value"] == "Yi5qcGc="  # "b.jpg"
        return Answer({"message": "Not an image.", "code": "invalid_image"}, 400) if bad else Answer(DETECTIONS)

    server.routes[INFER] = answer
    first, second, third = client.map(photos, "shapes")
    assert isinstance(second.error, InvalidImage)
    assert (first.error, third.error) == (None, None)
    assert first.unwrap().source == photos / "a.png"
    with pytest.raises(InvalidImage):
        second.unwrap()


def test_never_more_at_a_time_and_nothing_read_ahead(client: Client, server: FakeServer) -> None:
    class Counting:
        def __init__(self) -> None:
            self.taken = 0

        def __iter__(self) -> Iterator[bytes]:
            for _ in range(40):
                self.taken += 1
                yield b"x"

    def answer(_: Asked) -> Answer:
        return Answer(DETECTIONS)

    server.routes[INFER] = answer
    images = Counting()
    answers = client.map(images, "shapes", concurrency=4)
    next(answers)
    next(answers)
    assert images.taken <= 7
    assert sum(1 for _ in answers) == 38


def test_an_error_of_all_ends_everything(client: Client, server: FakeServer, photos: Path) -> None:
    server.answer(INFER, Answer({"message": "None.", "code": "model_not_found"}, 404))
    with pytest.raises(ModelNotFound):
        list(client.map(photos, "nope"))
    assert len(server.to(INFER)) == 1


def test_video_frames(client: Client, video: Path) -> None:
    found = list(client.map(video, "shapes", every=3))
    assert [one.frame for one in found] == [0, 3, 6, 9]
    assert found[1].name == f"{video}#3"
    assert isinstance(found[1].image, np.ndarray)
    assert abs(int(found[1].image.mean()) - 30) <= 2


@pytest.mark.parametrize(
    ("source", "words"),
    [("no-such.mp4", "no file"), ("a\0b", "Cannot read"), (object(), "not from object"), (99, "cannot be opened")],
)
def test_what_is_no_source(client: Client, source: object, words: str) -> None:
    with pytest.raises(InvalidImage, match=words):
        next(client.map(source, "shapes")).unwrap()


def test_a_video_that_is_none(client: Client, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no video")
    with pytest.raises(InvalidImage, match="cannot be opened"):
        list(client.map(tmp_path / "x.mp4", "shapes"))


def test_an_empty_folder(client: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="no image in"):
        list(client.map(tmp_path, "shapes"))
    assert list(client.map([], "shapes")) == []


def test_infer_names_map_for_folders(client: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="map"):
        client.infer(tmp_path, "shapes")


def test_videos_without_opencv(client: Client, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(NotInstalled, match="video"):
        list(client.map(video, "shapes"))
    assert [one.name for one in images_of([b"x", "https://example.org/a.jpg"])] == [
        "image 0",
        "https://example.org/a.jpg",
    ]


def test_jobs_of_many_images(client: Client, server: FakeServer, photos: Path) -> None:
    def submitted(asked: Asked) -> Answer:
        if b"\r\n\r\nb.jpg\r\n" in asked.body:
            return Answer({"detail": "Too large.", "code": "too_large"}, 413)
        return Answer(job("queued"), 202)

    server.routes["/v1/jobs"] = submitted
    server.answer("/v1/jobs/j1", Answer(job("succeeded", outputs=[OUTPUT])))
    options = JobOptions(idempotency_key="run-1", priority="bulk")
    first, second, third = client.jobs.map(photos, "shapes", options, confidence=0.5)
    assert isinstance(second.error, TooLarge)
    assert second.job is None
    assert first.job is not None
    assert third.job is not None
    assert first.job.state == "succeeded"
    keys = [asked.headers["Idempotency-Key"] for asked in server.to("/v1/jobs")]
    assert len(set(keys)) == 3
    assert all(key.startswith("run-1-") for key in keys)
    list(client.jobs.map(photos, "shapes", options, confidence=0.5))
    assert [asked.headers["Idempotency-Key"] for asked in server.to("/v1/jobs")][3] in keys, "a second run asks again"


def test_failed_jobs_are_answers(client: Client, server: FakeServer) -> None:
    server.answer("/v1/jobs", Answer(job("queued"), 202))
    server.answer("/v1/jobs/j1", Answer(job("failed", error=BAD_IMAGE)))
    (only,) = client.jobs.map([b"x"], "shapes")
    assert only.job is not None
    assert only.job.state == "failed"


def test_leaving_early_waits_for_nobody_else(client: Client, server: FakeServer) -> None:
    def slow(_: Asked) -> Answer:
        time.sleep(0.05)
        return Answer(DETECTIONS)

    server.routes[INFER] = slow
    answers = client.map([b"x"] * 1000, "shapes", concurrency=2)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert len(server.to(INFER)) < 20
