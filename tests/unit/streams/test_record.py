"""Recordings by copy: the very packets, from a key frame on, with what was before the event."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from shared.errors import SinkUnavailable
from shared.streams.spec import SourceSpec
from stream_service.decoding import Input, VideoSource
from stream_service.frame import Frame
from stream_service.packets import Format, Packet, Ring, Tee, parameter_sets
from stream_service.settings import StreamSettings
from stream_service.source import Captured
from tests.cameras import film
from tests.streams.results import RINGS, answer, context, result, sink

FPS = 10
PICTURES = 80
FORMAT = Format("h264", None)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film.write(tmp_path_factory.mktemp("film") / "film.mp4", fps=FPS, pictures=PICTURES, gop=FPS)


def packet(number: int, *, key: bool = False, size: int = 100) -> Packet:
    at = number / FPS
    return Packet(bytes(size), number, number, Fraction(1, FPS), key, at, at, at, FORMAT)


def packets_of(path: Path) -> list[tuple[bytes, bool]]:
    with av.open(str(path)) as opened:
        return [(bytes(one), one.is_keyframe) for one in opened.demux(video=0) if one.size]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.mp4"))


async def recorded(video: Path, folder: Path, events: set[int], **options: Any) -> list[Path]:
    """The film through a source and the sink; pictures with these numbers (from 1) show something."""
    made = sink("record", context(folder, live=False), **options)
    source = VideoSource(SourceSpec(reference=str(video)), StreamSettings(), Input(str(video)))
    source.packets = Tee(lambda: list(RINGS))
    await made.open()
    source.open()
    try:
        number = 0
        while (captured := await asyncio.to_thread(source.read)) is not None:
            number += 1
            assert isinstance(captured, Captured)
            one = result(number, answer() if number not in events else None)
            frame = Frame("door", 0, number, 1, captured.arrived, 0.0, captured.pts_s, captured.picture)
            one.frame = frame
            await made.write(one)
            if number % 7 == 0:
                await asyncio.to_thread(made._drain)  # type: ignore[attr-defined] # it does so twice a second
    finally:
        source.close()
        await made.close()
    assert RINGS == []
    return files(folder)


async def test_an_event_is_kept_with_what_was_before_and_after_it(video: Path, tmp_path: Path) -> None:
    (path,) = await recorded(video, tmp_path, {35}, pre_s=1.2, post_s=1.0)
    whole, cut = packets_of(video), packets_of(path)
    # Picture 35 is at 3.4 s: from the key frame before 2.2 s to the first one after 4.4 s.
    assert cut == whole[20:50]
    assert cut[0][1]
    with av.open(str(path)) as opened:
        frames = list(opened.decode(video=0))
    assert [film.number_of(frame.to_ndarray(format="bgr24")) for frame in frames] == list(range(20, 50))
    assert [round(float(frame.time), 2) for frame in frames] == [round(n / FPS, 2) for n in range(30)]


async def test_events_that_follow_each_other_make_one_file_and_others_two(video: Path, tmp_path: Path) -> None:
    near = await recorded(video, tmp_path / "near", {22, 30, 38}, pre_s=0, post_s=1.0)
    assert [len(packets_of(path)) for path in near] == [30]
    far = await recorded(video, tmp_path / "far", {5, 65}, pre_s=0, post_s=0.5)
    whole = packets_of(video)
    assert [packets_of(path) for path in far] == [whole[:10], whole[60:70]]


async def test_everything_is_kept_in_segments_that_begin_with_a_key_frame(video: Path, tmp_path: Path) -> None:
    paths = await recorded(video, tmp_path, set(), mode="continuous", segment_s=2.5)
    parts = [packets_of(path) for path in paths]
    assert [one for part in parts for one in part] == packets_of(video)
    assert len(parts) == 3
    assert all(part[0][1] for part in parts)


async def test_what_has_no_packets_says_so(tmp_path: Path) -> None:
    made = sink("record", context(tmp_path))
    await made.open()
    for number in range(1, 11):
        await made.write(result(number))  # the first packet may be on its way
    with pytest.raises(SinkUnavailable, match="`video`"):
        await made.write(result(11))
    await made.close()


def test_memory_is_bounded_and_begins_with_a_key_frame() -> None:
    ring = Ring(max_bytes=1_000)
    for number in range(100):
        ring.offer(packet(number, key=number % 4 == 0))
        first = ring.head()
        assert first is not None
        assert first.key
    assert ring.received - ring.dropped <= 10
    assert ring.dropped % 4 == 0


def test_a_picture_larger_than_the_memory_empties_it() -> None:
    ring = Ring(max_bytes=1_000)
    ring.offer(packet(0, key=True, size=2_000))
    assert ring.head() is None
    ring.offer(packet(1))
    assert ring.head() is None
    ring.offer(packet(2, key=True))
    assert ring.head() is not None


def test_who_takes_everything_gets_what_follows_too() -> None:
    ring = Ring(max_bytes=100_000)
    for number in range(5):
        one = packet(number, key=number == 0)
        ring.offer(one)
        assert ring.head() is one
        assert ring.pop(one)


def test_what_is_not_needed_any_more_goes() -> None:
    ring = Ring(max_bytes=100_000)
    for number in range(40):
        ring.offer(packet(number, key=number % 10 == 0))
    ring.trim(2.5, live=True)
    head = ring.head()
    assert head is not None
    assert head.pts == 20
    ring.trim(100.0, live=True)
    head = ring.head()
    assert head is not None
    assert head.pts == 30  # the last pictures stay: they are before whatever comes next


def test_parameter_sets_are_found_in_what_cameras_send() -> None:
    first, second, *_ = film.encoded(320, 180, 10, 12)
    assert parameter_sets("h264", first).count(b"\x00\x00\x01") == 1  # two, joined
    assert parameter_sets("h264", second) == b""
    assert parameter_sets("mjpeg", first) == b""
