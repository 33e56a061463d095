"""Sinks that write files: what is in them, and when the oldest go."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from stream_service.output import MEGABYTE, OutputFolder
from stream_service.rows import RowFile
from tests.cameras.film import number_of
from tests.streams.results import FakeOutlet, answer, box, context, result, sink, written


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.rglob(f"*{suffix}"))


def frames(path: Path) -> list[Any]:
    with av.open(str(path)) as film:
        return list(film.decode(video=0))


async def test_lines_of_json_are_the_results(tmp_path: Path) -> None:
    await written(sink("jsonl", context(tmp_path)), result(1), result(2, answer()), result(3, cause="expired"))
    (path,) = files(tmp_path, ".jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["frame_id"] for row in rows] == [1, 2]
    assert rows[0]["output"]["predictions"] == [box()]


async def test_csv_has_a_row_per_object_and_no_formulas(tmp_path: Path) -> None:
    evil = box("=cmd()", 0.5) | {"tracker_id": 4}
    await written(sink("csv", context(tmp_path)), result(1, answer(box(), evil)), result(2, answer()))
    (path,) = files(tmp_path, ".csv")
    with path.open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert [(row["frame_id"], row["class"], row["tracker_id"]) for row in rows] == [
        ("1", "circle", ""),
        ("1", "'=cmd()", "4"),
    ]


def test_a_file_is_begun_anew_at_its_size_and_the_oldest_go(tmp_path: Path) -> None:
    output = OutputFolder(tmp_path, max_bytes=2500, min_free_bytes=0)
    output.open()
    rows = RowFile(output, ".csv", 1000 / MEGABYTE, b"head\n")
    for _ in range(10):
        rows.append(b"x" * 499 + b"\n")
    rows.close()
    left = files(tmp_path, ".csv")
    assert len(left) in (2, 3)
    assert all(path.read_bytes().startswith(b"head\n") for path in left)
    assert sum(path.stat().st_size for path in left) <= 2500 + 1005


async def test_pictures_are_annotated_and_have_their_answers_beside_them(tmp_path: Path) -> None:
    made = sink("images", context(tmp_path), interval_s=0.25, width=160)
    await written(made, *(result(number) for number in range(1, 7)))
    pictures = files(tmp_path, ".jpg")
    assert [path.name for path in pictures] == ["20270115T080000.100Z-door.jpg", "20270115T080000.400Z-door.jpg"]
    image = cv2.imread(str(pictures[0]))
    assert image is not None
    assert image.shape == (90, 160, 3)
    assert json.loads(pictures[0].with_suffix(".json").read_bytes())["frame_id"] == 1


async def test_a_video_plays_with_the_times_and_the_pictures_of_its_frames(tmp_path: Path) -> None:
    green = answer(box() | {"class_id": 2})  # the film is red there
    await written(sink("video", context(tmp_path)), *(result(number, green) for number in (1, 2, 3, 7, 8)))
    (path,) = files(tmp_path, ".mp4")
    shown = frames(path)
    assert [round(float(frame.time), 2) for frame in shown] == [0.0, 0.1, 0.2, 0.6, 0.7]
    images = [frame.to_ndarray(format="bgr24") for frame in shown]
    assert [number_of(image) for image in images] == [1, 2, 3, 7, 8]
    left = int(box()["x"] - 20)
    plain = result(1).frame.picture.bgr()
    assert np.abs(images[0][45:55, left - 2 : left + 3].astype(int) - plain[45:55, left - 2 : left + 3]).max() > 60


async def test_a_video_is_cut_into_segments_by_time_and_by_size(tmp_path: Path) -> None:
    numbers = [1, 6, 11, 16]
    await written(sink("video", context(tmp_path), segment_s=1), *map(result, numbers))
    assert [len(frames(path)) for path in files(tmp_path, ".mp4")] == [2, 2]


async def test_what_was_recorded_before_a_crash_plays(tmp_path: Path) -> None:
    made = sink("video", context(tmp_path), segment_s=100)
    await made.open()
    for number in range(1, 100):
        await made.write(result(number))
    (path,) = files(tmp_path, ".mp4")
    copy = tmp_path / "after_the_crash"  # as the disk has it at this moment
    copy.write_bytes(path.read_bytes())
    assert len(frames(copy)) > 50
    await made.close()


async def test_a_videos_own_clock_counts_when_it_is_a_file(tmp_path: Path) -> None:
    results = [result(number) for number in (1, 2)]
    for one in results:
        object.__setattr__(one.frame, "captured_at", 5.0)
    await written(sink("video", context(tmp_path, live=False)), *results)
    (path,) = files(tmp_path, ".mp4")
    assert [round(float(frame.time), 2) for frame in frames(path)] == [0.0, 0.1]


async def test_the_preview_costs_nothing_while_nobody_looks(tmp_path: Path) -> None:
    outlet = FakeOutlet()
    outlet.watching = set()
    await written(sink("preview", context(tmp_path, outlet)), result(1), result(2))
    assert outlet.shown == []


async def test_the_preview_shows_failed_frames_too_and_keeps_its_rate(tmp_path: Path) -> None:
    outlet = FakeOutlet()
    results = [result(1), result(2), result(3, cause="expired", predictions=None), result(4)]
    await written(sink("preview", context(tmp_path, outlet), max_fps=6, width=320), *results)
    assert len(outlet.shown) == 2
    images = [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for _, jpeg in outlet.shown]
    assert [number_of(np.asarray(image)) for image in images] == [1, 3]


async def test_the_feed_is_written_for_followers_only_failed_frames_too(tmp_path: Path) -> None:
    outlet = FakeOutlet()
    made = sink("feed", context(tmp_path, outlet))
    await made.write(result(1, cause="expired"))
    outlet.watching = set()
    await made.write(result(2))
    assert [row["frame_id"] for row in outlet.published] == [1]
