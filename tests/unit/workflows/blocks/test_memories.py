"""Blocks that remember: trackers, steady boxes, locked classes, sampling, cache."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.blocks.cache.cache_get import CacheGet
from shared.workflows.blocks.cache.cache_set import CacheSet
from shared.workflows.blocks.math.cosine_similarity import CosineSimilarity
from shared.workflows.blocks.sampling.identify_changes import (
    EXPONENTIAL,
    SIMPLE,
    WINDOW,
    IdentifyChanges,
    Statistics,
)
from shared.workflows.blocks.sampling.identify_outliers import IdentifyOutliers
from shared.workflows.blocks.transformations.byte_tracker import ByteTrackerV1, ByteTrackerV2, ByteTrackerV3
from shared.workflows.blocks.transformations.stabilize_detections import StabilizeDetections
from shared.workflows.blocks.transformations.track_class_lock import TrackClassLock
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.per_video import PerVideo
from shared.workflows.services import Services
from shared.workflows.testing import make, run_block
from tests.unit.workflows.pictures import found, frame, plain


def at_frame(number: int, name: str = "cam", fps: float | None = 30) -> WorkflowImage:
    return frame(np.zeros((200, 300, 3)), number, name, fps)


def walker(scene: WorkflowImage, number: int) -> sv.Detections:
    """Two objects that move apart, the second one weak."""
    boxes = (10 + 3 * number, 10, 40 + 3 * number, 40), (200 - 3 * number, 100, 230 - 3 * number, 130)
    return found(scene, *boxes, classes=("cat", "dog"), confidence=[0.9, 0.6])


def test_byte_tracker_keeps_ids_per_video() -> None:
    block = make(ByteTrackerV2)
    for number in range(6):
        for name in ("one", "two"):
            scene = at_frame(number, name)
            out = run_block(block, image=scene, detections=walker(scene, number))["tracked_detections"]
            assert out.tracker_id.tolist() == [1, 2], name
            assert columns.names(out) == ["cat", "dog"]
    assert walker(scene, 0).tracker_id is None


def test_byte_tracker_versions() -> None:
    scene = at_frame(0)
    video = VideoMetadata("cam", fps=25)
    out = run_block(ByteTrackerV1, metadata=video, detections=walker(scene, 0))["tracked_detections"]
    assert out.tracker_id.tolist() == [1, 2]
    with pytest.raises(InvalidRequest, match="fps"):
        run_block(ByteTrackerV1, metadata=VideoMetadata("cam", fps=None), detections=walker(scene, 0))
    empty = run_block(ByteTrackerV2, image=at_frame(0, fps=None), detections=columns.empty())["tracked_detections"]
    assert len(empty) == 0
    strict = run_block(
        ByteTrackerV2, image=scene, detections=walker(scene, 0), track_activation_threshold=0.7, lost_track_buffer=None
    )
    assert strict["tracked_detections"].tracker_id.tolist() == [1]


def test_new_objects_are_told_from_known_ones() -> None:
    block = make(ByteTrackerV3)
    seen = []
    for number in range(3):
        scene = at_frame(number)
        made = run_block(block, image=scene, detections=walker(scene, number))
        seen.append([made[name].tracker_id.tolist() for name in ("new_instances", "already_seen_instances")])
    assert seen == [[[1, 2], []], [[], [1, 2]], [[], [1, 2]]]
    forgetful = make(ByteTrackerV3)
    for number in range(2):
        scene = at_frame(number)
        made = run_block(forgetful, image=scene, detections=walker(scene, number), instances_cache_size=1)
    assert made["new_instances"].tracker_id.tolist() == [1, 2], "each drove the other out"


def test_stabilizer_smooths_and_drifts_on() -> None:
    block, options = make(StabilizeDetections), {"bbox_smoothing_coefficient": 0.5, "smoothing_window_size": 2}
    for number in range(4):
        scene = at_frame(number)
        both = found(scene, (10 * number, 0, 10 * number + 20, 20), (100, 100, 120, 120), tracker_id=np.array([1, 2]))
        out = run_block(block, image=scene, detections=both, **options)["tracked_detections"]
    assert out.xyxy[0, 0] == pytest.approx(25), "half of the way from where it was before"
    assert out.xyxy[1].tolist() == [100, 100, 120, 120]
    scene = at_frame(4)
    only = found(scene, (100, 100, 120, 120), tracker_id=np.array([2]))
    after = run_block(block, image=scene, detections=only, **options)["tracked_detections"]
    assert after.tracker_id.tolist() == [2, 1]
    assert after.xyxy[1, 0] > 30
    assert columns.names(after) == ["cat", "cat"]
    with pytest.raises(InvalidRequest, match="tracker"):
        run_block(StabilizeDetections, image=scene, detections=found(scene, (0, 0, 1, 1)))


def test_stabilizer_without_detections() -> None:
    out = run_block(StabilizeDetections, image=at_frame(0), detections=columns.empty())["tracked_detections"]
    assert len(out) == 0


def test_class_lock_relabels_with_longer_names_and_mean_confidence() -> None:
    block, options = make(TrackClassLock), {"min_votes": 2, "lead_margin": 1, "switch_after": 9}
    names = ["crocodile", "crocodile", "cat"]
    for number, name in enumerate(names):
        scene = at_frame(number)
        one = found(scene, (0, 0, 20, 20), classes=(name,), confidence=[0.9], tracker_id=np.array([4]))
        one.class_id[:] = 7 if name == "crocodile" else 1
        out = run_block(block, image=scene, detections=one, **options)["tracked_detections"]
    assert columns.names(out) == ["crocodile"]
    assert out.class_id.tolist() == [7]
    assert out.confidence.tolist() == pytest.approx([0.9])
    assert out.data["class_locked"].tolist() == [True]
    assert columns.names(one) == ["cat"]


def test_class_lock_leaves_pending_tracks_and_checks_its_rules() -> None:
    scene = at_frame(0)
    pending = found(scene, (0, 0, 20, 20), tracker_id=np.array([-1]))
    out = run_block(TrackClassLock, image=scene, detections=pending, min_votes=1, lead_margin=0, vote_confidence=0.1)
    assert out["tracked_detections"].data["class_locked"].tolist() == [False]
    none = run_block(TrackClassLock, image=scene, detections=columns.empty())["tracked_detections"]
    assert none.data["class_locked"].tolist() == []
    with pytest.raises(InvalidRequest, match="min_votes"):
        run_block(TrackClassLock, image=scene, detections=pending, min_votes=0)
    with pytest.raises(InvalidRequest, match="tracker"):
        run_block(TrackClassLock, image=scene, detections=found(scene, (0, 0, 1, 1)))


def test_memory_of_videos_is_bounded() -> None:
    memory: PerVideo[list[int]] = PerVideo(list, most=2)
    for name in ("a", "b", "a", "c"):
        memory.of(VideoMetadata(name)).append(1)
    assert len(memory) == 2
    assert memory.of(VideoMetadata("a")) == [1, 1]
    assert memory.of(VideoMetadata("b")) == [], "seen longest ago"


def test_cosine_similarity() -> None:
    for one, other, expected in (
        ([1, 0], [2, 0], 1),
        ([1, 0], [0, 3], 0),
        ([1, 1], [-1, -1], -1),
        ([1, 0], [1, 1], 0.5**0.5),
        ([0, 0], [1, 1], 0),
    ):
        made = run_block(CosineSimilarity, embedding_1=one, embedding_2=np.array(other))["similarity"]
        assert made == pytest.approx(expected)
    with pytest.raises(InvalidRequest, match="2 and 3"):
        run_block(CosineSimilarity, embedding_1=[1, 2], embedding_2=[1, 2, 3])


def near(seed: int) -> Any:
    return np.array([1.0, 0.0, 0.0]) + np.random.default_rng(seed).normal(0, 0.05, 3)


def test_outliers_are_unlike_the_window() -> None:
    block = make(IdentifyOutliers)
    warm = [run_block(block, embedding=near(n)) for n in range(2)]
    assert warm == [{"is_outlier": False, "percentile": 0.5, "warming_up": True}] * 2
    for n in range(2, 30):
        run_block(block, embedding=near(n))
    odd = run_block(block, embedding=[0, 1, 0])
    assert odd == {"is_outlier": True, "percentile": 0.0, "warming_up": False}
    with pytest.raises(InvalidRequest, match="different models"):
        run_block(block, embedding=[1, 2])


def test_outlier_percentile_is_the_share_of_the_window_that_is_less_alike() -> None:
    block = make(IdentifyOutliers)
    run_block(block, embedding=[1, 1], warmup=1)
    run_block(block, embedding=[1, -1], warmup=1)
    made = run_block(block, embedding=[1, 0], warmup=1)  # the mean direction itself: both others are less alike
    assert made["percentile"] == pytest.approx(2 / 3)
    for _ in range(5):
        made = run_block(block, embedding=[2, 0], warmup=1, window_size=2)
    assert made["percentile"] == 0, "all of the window equal"


@pytest.mark.parametrize("strategy", [EXPONENTIAL, SIMPLE, WINDOW])
def test_a_change_is_told_from_the_usual(strategy: str) -> None:
    block = make(IdentifyChanges)
    usual = [run_block(block, embedding=near(n), strategy=strategy) for n in range(25)]
    assert [made["warming_up"] for made in usual[:4]] == [True, True, True, False]
    assert not any(made["is_outlier"] for made in usual[:3])
    changed = run_block(block, embedding=[0, 0, 1], strategy=strategy)
    assert changed["is_outlier"] is True
    assert changed["z_score"] < -1.5
    assert changed["percentile"] > 0.9
    assert len(changed["average"]) == len(changed["std"]) == 3


def test_a_still_scene_has_no_changes() -> None:
    block = make(IdentifyChanges)
    made = [run_block(block, embedding=[3, 4]) for _ in range(6)][-1]
    assert (made["z_score"], made["percentile"], made["is_outlier"]) == (0, 0.5, False)
    assert made["average"] == pytest.approx([0.6, 0.8])
    with pytest.raises(InvalidRequest, match="different models"):
        run_block(block, embedding=[1, 2, 3])


@pytest.mark.parametrize(
    ("strategy", "mean", "variance"),
    [
        # 2, 4, 9 with smoothing 0.5: means 2, 3, 6; variances 0, 0.5 x 1, 0.5 x 0.5 + 0.5 x 9
        (EXPONENTIAL, 6, 4.75),
        (SIMPLE, 5, 13),  # of a sample: (9 + 1 + 16) / 2
        (WINDOW, 6.5, 6.25),  # of 4 and 9
    ],
)
def test_statistics(strategy: str, mean: float, variance: float) -> None:
    statistics = Statistics.of(np.array(2.0))
    for value in (4.0, 9.0):
        statistics.add(np.array(value), strategy, 0.5, 2)
    assert float(statistics.mean) == pytest.approx(mean)
    assert float(statistics.deviation) ** 2 == pytest.approx(variance)


def test_cache_is_of_the_session_and_the_video() -> None:
    services = Services()
    store, recall = make(CacheSet, services), make(CacheGet, services)
    one, two = at_frame(0, "one"), at_frame(0, "two")
    assert run_block(recall, image=one, key="count") == {"output": None}
    assert run_block(store, image=one, key="count", value=[1, 2]) == {"output": [1, 2]}
    assert run_block(recall, image=at_frame(5, "one"), key="count") == {"output": [1, 2]}
    assert run_block(recall, image=two, key="count") == {"output": None}
    assert run_block(recall, image=one, key="other") == {"output": None}
    assert run_block(make(CacheGet, Services()), image=plain(), key="count") == {"output": None}
