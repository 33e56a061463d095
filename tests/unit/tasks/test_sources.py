"""The sources of batches: hostile zips, folders and videos; frames that stay exact."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.batches.settings import BatchSettings
from shared.errors import InvalidRequest, TooLarge
from tests.cameras import film
from worker_service.tasks.sources.folder import FolderSource, UploadSource
from worker_service.tasks.sources.source import allowed
from worker_service.tasks.sources.video import VideoSource
from worker_service.tasks.sources.zipped import ZipSource

SETTINGS = BatchSettings(batch_max_items=5, batch_item_bytes=10_000, batch_unpacked_bytes=30_000, batch_zip_ratio=50)


def packed(path: Path, entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


async def test_a_zips_images_in_its_own_order(tmp_path: Path) -> None:
    entries = [("b.jpg", b"b"), ("d/", b""), ("a.PNG", b"a"), ("__MACOSX/b.jpg", b"x"), ("t.txt", b"t")]
    source = ZipSource(packed(tmp_path / "a.zip", entries), SETTINGS)
    assert await source.plan() == ["b.jpg", "a.PNG"]
    assert [await source.read(index, name) for index, name in enumerate(["b.jpg", "a.PNG"])] == [b"b", b"a"]
    with pytest.raises(InvalidRequest):
        await source.read(0, "missing.jpg")
    await source.close()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("entries", "method", "error"),
    [
        ([("bomb.jpg", b"\0" * 1_000_000)], zipfile.ZIP_DEFLATED, TooLarge),
        ([(f"{number}.jpg", b"x" * 9_000) for number in range(4)], zipfile.ZIP_STORED, TooLarge),
        ([(f"{number}.jpg", b"x") for number in range(6)], zipfile.ZIP_STORED, TooLarge),
        ([("a.jpg", b"1"), ("a.jpg", b"2")], zipfile.ZIP_STORED, InvalidRequest),
        ([("a.txt", b"x")], zipfile.ZIP_STORED, InvalidRequest),
    ],
)
async def test_hostile_zips_are_refused(
    tmp_path: Path, entries: list[tuple[str, bytes]], method: int, error: type[Exception]
) -> None:
    source = ZipSource(packed(tmp_path / "a.zip", entries, method), SETTINGS)
    with pytest.raises(error):
        await source.plan()
    await source.close()


async def test_a_zip_whose_directory_lies(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", [("a.jpg", b"\0" * 400_000)], zipfile.ZIP_DEFLATED)
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b"PK\x01\x02") + 24
    raw[at : at + 4] = (20).to_bytes(4, "little")
    path.write_bytes(raw)
    source = ZipSource(path, SETTINGS)
    assert await source.plan() == ["a.jpg"]
    with pytest.raises((InvalidRequest, TooLarge)):
        await source.read(0, "a.jpg")
    await source.close()


async def test_what_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    for name in ("a.zip", "missing.zip"):
        with pytest.raises(InvalidRequest):
            await ZipSource(tmp_path / name, SETTINGS).plan()


async def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", [("a.jpg", b"x")])
    raw = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(magic) + offset] |= 1
    path.write_bytes(raw)
    with pytest.raises(InvalidRequest, match="encrypted"):
        await ZipSource(path, SETTINGS).plan()


async def test_a_folder_does_not_lead_out_of_itself(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"secret")
    (inside / "link.jpg").symlink_to(outside / "secret.jpg")
    (inside / "linked").symlink_to(outside)
    (inside / "a.jpg").write_bytes(b"a")
    (inside / "big.jpg").write_bytes(b"x" * 10_001)
    source = FolderSource(inside, SETTINGS)
    assert await source.plan() == ["a.jpg", "big.jpg", "link.jpg"]
    assert await source.read(0, "a.jpg") == b"a"
    for name, error in (("link.jpg", InvalidRequest), ("big.jpg", TooLarge), ("gone.jpg", InvalidRequest)):
        with pytest.raises(error):
            await source.read(0, name)
    with pytest.raises(InvalidRequest):
        await FolderSource(tmp_path / "missing", SETTINGS).plan()
    with pytest.raises(InvalidRequest):
        allowed(str(inside / "../out/secret.jpg"), (inside,))
    with pytest.raises(InvalidRequest):
        allowed(str(inside / "linked"), (inside,))


async def test_uploads_are_read_by_index(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"first")
    assert await UploadSource(tmp_path, SETTINGS).read(0, "../../etc/passwd") == b"first"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for number in range(10):
        writer.write(np.full((48, 64, 3), number * 20, np.uint8))
    writer.release()
    return path


def brightness(jpeg: bytes | None) -> int:
    assert jpeg is not None
    return round(float(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE).mean()) / 20)


async def test_frames_are_exact_also_after_a_resume(clip: Path) -> None:
    source = VideoSource(clip, 3, SETTINGS)
    assert await source.plan() is None
    assert [brightness(await source.read(index, "")) for index in (0, 1, 3)] == [0, 3, 9]
    assert await source.read(4, "") is None
    assert brightness(await source.read(2, "")) == 6, "going back begins anew"
    await source.close()
    resumed = VideoSource(clip, 3, SETTINGS)
    assert brightness(await resumed.read(2, "")) == 6
    await resumed.close()


@pytest.mark.parametrize(
    "content",
    [b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd", b"ffconcat version 1.0\nfile /etc/passwd", b"", b"x" * 99],
)
async def test_playlists_and_other_files_are_no_videos(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(InvalidRequest):
        await VideoSource(tmp_path / "v.mp4", 1, SETTINGS).plan()


@pytest.fixture
def broken(clip: Path) -> Path:
    clip.write_bytes(clip.read_bytes()[:100])
    return clip


async def test_a_broken_container(broken: Path) -> None:
    source = VideoSource(broken, 1, SETTINGS)
    with pytest.raises(InvalidRequest):
        await source.plan()
    await source.close()


async def test_a_video_that_is_too_long(tmp_path: Path) -> None:
    path = film.write(tmp_path / "long.mp4", pictures=45)  # three seconds
    short = VideoSource(path, 1, BatchSettings(max_video_s=2.0))
    with pytest.raises(TooLarge, match="VISIONFLEET_MAX_VIDEO_S"):
        await short.plan()
    await short.close()
    fits = VideoSource(path, 15, BatchSettings(max_video_s=4.0))
    assert await fits.plan() is None
    assert await fits.read(2, "")
    await fits.close()


async def test_a_video_that_is_longer_than_it_says(tmp_path: Path) -> None:
    """A stream of matroska without a duration; only its frames tell."""
    path = film.write(tmp_path / "live.mkv", pictures=45)
    lying = VideoSource(path, 1, BatchSettings(max_video_s=2.0))
    lying._open = partial(unsuspicious, lying, path)  # type: ignore[method-assign] # as if its head said nothing
    assert await lying.read(25, "")
    with pytest.raises(TooLarge, match="VISIONFLEET_MAX_VIDEO_S"):
        await lying.read(40, "")
    await lying.close()


def unsuspicious(source: VideoSource, path: Path) -> cv2.VideoCapture:
    if source._capture is None:
        source._capture, source._at = cv2.VideoCapture(str(path)), 0
    return source._capture
