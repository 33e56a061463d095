"""SORT, ByteTrack, OC-SORT and BoT-SORT: ids over frames, for what each is made for."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.block import Block
from shared.workflows.blocks.trackers.botsort import BotSortTracker
from shared.workflows.blocks.trackers.bytetrack import ByteTrackTracker
from shared.workflows.blocks.trackers.ocsort import OcSortTracker
from shared.workflows.blocks.trackers.sort import SortTracker
from shared.workflows.testing import make, run_block
from shared.workflows.tracking.camera_motion import METHODS, CameraMotion
from tests.unit.workflows.pictures import found, frame

ALL = (SortTracker, ByteTrackTracker, OcSortTracker, BotSortTracker)
BLACK = np.zeros((300, 400, 3), np.uint8)


def track(
    block: Any, number: int, *boxes: tuple[float, ...], sure: Any = None, pixels: Any = BLACK, **values: Any
) -> Any:
    scene = frame(pixels, number)
    seen = found(scene, *boxes, confidence=sure or [0.9] * len(boxes)) if boxes else columns.empty()
    return run_block(block, image=scene, detections=seen, **values)


def ids(made: Any) -> list[int]:
    return [int(id_) for id_ in made["tracked_detections"].tracker_id]


def walk(number: int, x: float = 20, speed: float = 4, y: float = 20) -> tuple[float, ...]:
    return (x + speed * number, y, x + speed * number + 40, y + 40)


@pytest.mark.parametrize("block", ALL)
def test_ids_come_after_enough_frames_and_stay(block: type[Block]) -> None:
    tracker = make(block)
    rows = [ids(track(tracker, n, walk(n), walk(n, 300, -4, 100), minimum_consecutive_frames=3)) for n in range(12)]
    first = 1 if block is OcSortTracker else 2  # which in a video's first frames asks for one more sighting only
    assert rows == [[]] * first + [[0, 1]] * (12 - first)


@pytest.mark.parametrize("block", ALL)
def test_order_of_boxes_and_new_objects(block: type[Block]) -> None:
    tracker, made = make(block), None
    for n in range(8):
        boxes = [walk(n), walk(n, 300, -4, 100)][:: 1 if n % 2 else -1]
        made = track(tracker, n, *boxes, minimum_consecutive_frames=1)
        assert sorted(ids(made)) == ([] if n == 0 else [0, 1]), "a box that begins a track has no id yet"
        assert [made["new_instances"].tracker_id.size, made["already_seen_instances"].tracker_id.size] == (
            [0, 0] if n == 0 else [2, 0] if n == 1 else [0, 2]
        )
    assert columns.names(made["tracked_detections"]) == ["cat", "cat"]


@pytest.mark.parametrize("block", ALL)
@pytest.mark.parametrize(("gap", "same"), [(4, True), (25, False)])
def test_lost_objects_are_remembered_for_the_buffer(block: type[Block], gap: int, same: bool) -> None:
    tracker, options = make(block), {"lost_track_buffer": 10, "minimum_consecutive_frames": 2}
    for n in range(6):
        track(tracker, n, walk(n), **options)
    for n in range(6, 6 + gap):
        assert ids(track(tracker, n, **options)) == []
    rows = [ids(track(tracker, n, walk(n), **options)) for n in range(6 + gap, 9 + gap)]
    assert rows[-1] == ([0] if same else [1])


@pytest.mark.parametrize("block", ALL)
def test_one_miss_ends_a_young_track(block: type[Block]) -> None:
    tracker, options = make(block), {"minimum_consecutive_frames": 3}
    for n in range(6):
        track(tracker, n, **options)
    for n in (6, 7):
        track(tracker, n, walk(n), **options)
    track(tracker, 8, **options)
    seen = [ids(track(tracker, n, walk(n), **options)) for n in (9, 10, 11, 12)]
    assert seen == ([[], [], [], [0]] if block is OcSortTracker else [[], [], [0], [0]])


@pytest.mark.parametrize(("block", "kept"), [(ByteTrackTracker, True), (BotSortTracker, True), (OcSortTracker, False)])
def test_weak_boxes_keep_tracks_of_two_stage_trackers(block: type[Block], kept: bool) -> None:
    tracker = make(block)
    for n in range(4):
        track(tracker, n, walk(n), minimum_consecutive_frames=2)
    rows = [ids(track(tracker, n, walk(n), walk(n, 300, -4, 100), sure=[0.3, 0.3])) for n in range(4, 8)]
    assert rows == [[0] if kept else []] * 4, "and begin none"


def test_ocsort_finds_an_object_that_turned_while_hidden() -> None:
    tracker, options = make(OcSortTracker), {"minimum_consecutive_frames": 2, "lost_track_buffer": 40}
    for n in range(10):
        track(tracker, n, walk(n, 20, 8), **options)
    for n in range(10, 18):
        track(tracker, n, **options)
    last = walk(9, 20, 8)
    assert ids(track(tracker, 18, (last[0] - 4, last[1], last[2] - 4, last[3]), **options)) == []
    back = [walk(9, 20 - 4 * n, 8) for n in (2, 3)]
    assert [ids(track(tracker, 18 + n, box, **options)) for n, box in enumerate(back, 1)] == [[0], [0]]


def test_ocsort_prefers_the_box_ahead() -> None:
    tracker, options = make(OcSortTracker), {"minimum_consecutive_frames": 1, "direction_consistency_weight": 1.0}
    for n in range(6):
        track(tracker, n, walk(n, 20, 6), **options)
    ahead, behind = walk(6, 26, 6), walk(6, 14, 6)
    made = track(tracker, 6, behind, ahead, **options)["tracked_detections"]
    assert made.xyxy[list(made.tracker_id).index(0)].tolist() == list(ahead)


def test_botsort_names_the_first_frame_at_once_if_asked() -> None:
    assert ids(track(make(BotSortTracker), 0, walk(0), instant_first_frame_activation=True)) == [0]
    assert ids(track(make(BotSortTracker), 0, walk(0))) == []


def textured() -> Any:
    rough = np.random.default_rng(2).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return cv2.resize(rough, (800, 600), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("method", METHODS)
def test_camera_motion_is_measured(method: str) -> None:
    world, camera = textured(), CameraMotion(method, 2)
    assert camera.of(world[100:400, 100:500]).tolist() == np.eye(2, 3).tolist()
    motion = camera.of(world[104:404, 106:506])
    assert motion @ (200, 150, 1) == pytest.approx([194, 146], abs=1.5), "where the middle went"
    nothing = camera.of(np.zeros((300, 400, 3), np.uint8))
    assert nothing.shape == (2, 3)


def test_botsort_follows_a_camera_that_jumps() -> None:
    world = textured()
    rows: dict[bool, list[int]] = {}
    for follow in (False, True):
        tracker = make(BotSortTracker)
        for n in range(8):
            jump = 60 * (n >= 4)  # the object stands still; the camera turns by more than its width
            pixels = world[100:400, 100 + jump : 500 + jump]
            made = track(
                tracker,
                n,
                (200 - jump, 100, 240 - jump, 140),
                pixels=np.ascontiguousarray(pixels),
                enable_cmc=follow,
                cmc_method="sift",
            )
            rows.setdefault(follow, []).append(ids(made)[0] if ids(made) else -1)
    assert rows[True][1:] == [0] * 7
    assert rows[False][-1] == 1


@pytest.mark.parametrize("block", ALL)
def test_nulls_are_defaults_and_nonsense_is_refused(block: type[Block]) -> None:
    assert ids(track(make(block), 0, walk(0), lost_track_buffer=None, minimum_consecutive_frames=None)) == []
    assert ids(track(make(block), 0)) == []
    with pytest.raises(InvalidRequest, match="minimum_consecutive_frames"):
        track(make(block), 0, walk(0), minimum_consecutive_frames=0)
    if block is BotSortTracker:
        with pytest.raises(InvalidRequest, match="cmc"):
            track(make(block), 0, walk(0), enable_cmc=True, cmc_downscale=0)
