"""Blocks that measure over time, and the one that measures overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
import supervision as sv
from pydantic import TypeAdapter

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows.block import Block
from shared.workflows.blocks.analytics.data_aggregator import DataAggregator
from shared.workflows.blocks.analytics.line_counter import LineCounterV1, LineCounterV2
from shared.workflows.blocks.analytics.overlap import Overlap
from shared.workflows.blocks.analytics.path_deviation_analytics import (
    FrechetDistance,
    PathDeviationV1,
    PathDeviationV2,
)
from shared.workflows.blocks.analytics.time_in_zone import TimeInZoneV1, TimeInZoneV2, TimeInZoneV3
from shared.workflows.blocks.analytics.velocity import Velocity
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.services import Services
from shared.workflows.testing import make, run_block
from shared.workflows.uql import AnyOperation
from tests.unit.workflows.pictures import found, image, plain
from tests.unit.workflows.uql_steps import op

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SQUARE = [[0, 0], [20, 0], [20, 20], [0, 20]]


def shot(second: float, name: str = "cam", *, file: bool = False) -> WorkflowImage:
    """A frame of a camera at that second, or of a film of ten frames a second."""
    when = START + timedelta(seconds=0 if file else second)
    video = VideoMetadata(name, round(second * 10), when, fps=10.0, comes_from_video_file=file)
    return image(np.zeros((100, 100, 3)), video)


def tracked(*centres: tuple[float, float], ids: list[int] | None = None) -> sv.Detections:
    boxes = [(x - 2, y - 2, x + 2, y + 2) for x, y in centres]
    names = np.array(ids or list(range(1, len(boxes) + 1)))
    return found(plain(100, 100), *boxes, tracker_id=names)


def times(block: Block, where: WorkflowImage, detections: sv.Detections, **values: Any) -> list[float]:
    answer = run_block(block, image=where, detections=detections, **values)["timed_detections"]
    return [float(value) for value in answer.data[columns.TIME_IN_ZONE]] if len(answer) else []


@pytest.mark.parametrize("file", [False, True])
def test_time_in_a_zone_by_camera_and_by_film(file: bool) -> None:
    block = make(TimeInZoneV2)
    spent = [times(block, shot(second, file=file), tracked((10, 10)), zone=SQUARE) for second in (0, 1, 2.5)]
    assert spent == [[0], [pytest.approx(1)], [pytest.approx(2.5)]]


def test_who_leaves_the_zone_is_removed_and_begins_anew() -> None:
    block = make(TimeInZoneV2)
    assert times(block, shot(0), tracked((10, 10), (50, 50)), zone=SQUARE) == [0]
    assert times(block, shot(1), tracked((50, 50)), zone=SQUARE) == []
    assert times(block, shot(3), tracked((10, 10)), zone=SQUARE) == [0]
    assert times(block, shot(4), tracked((10, 10)), zone=SQUARE) == [1]


def test_who_leaves_may_go_on_if_nobody_sees_it_outside() -> None:
    block, unseen = make(TimeInZoneV2), {"zone": SQUARE, "reset_out_of_zone_detections": False}
    assert times(block, shot(0), tracked((10, 10)), **unseen) == [0]
    assert times(block, shot(2), tracked((50, 50)), **unseen) == []
    assert times(block, shot(3), tracked((10, 10)), **unseen) == [3]


def test_who_is_shown_outside_has_no_time_and_begins_anew() -> None:
    block = make(TimeInZoneV2)
    keep = {"zone": SQUARE, "remove_out_of_zone_detections": False, "reset_out_of_zone_detections": False}
    assert times(block, shot(0), tracked((10, 10), (50, 50)), **keep) == [0, 0]
    assert times(block, shot(2), tracked((50, 50), (50, 50)), **keep) == [0, 0]
    assert times(block, shot(3), tracked((10, 10), (50, 50)), **keep) == [0, 0]


def test_no_zone_holds_nothing() -> None:
    assert times(make(TimeInZoneV3), shot(0), tracked((10, 10)), zone=[]) == []


def test_the_zone_is_asked_for_the_anchor() -> None:
    edge = tracked((21, 10))
    assert times(make(TimeInZoneV2), shot(0), edge, zone=SQUARE) == []
    assert times(make(TimeInZoneV2), shot(0), edge, zone=SQUARE, triggering_anchor="CENTER_LEFT") == [0]
    with pytest.raises(InvalidRequest, match="MIDDLE"):
        times(make(TimeInZoneV2), shot(0), edge, zone=SQUARE, triggering_anchor="MIDDLE")
    with pytest.raises(InvalidRequest, match="masks"):
        times(make(TimeInZoneV2), shot(0), edge, zone=SQUARE, triggering_anchor="CENTER_OF_MASS")


def test_several_zones_and_the_first_version() -> None:
    far = [[40, 40], [60, 40], [60, 60], [40, 60]]
    both = tracked((10, 10), (50, 50), (90, 90))
    assert times(make(TimeInZoneV3), shot(0), both, zone=[SQUARE, far]) == [0, 0]
    assert times(make(TimeInZoneV3), shot(0), both, zone=SQUARE) == [0]
    video = shot(0).video_metadata
    assert times(make(TimeInZoneV1), shot(0), both, zone=far, metadata=video) == [0]


def test_videos_are_apart_and_trackers_needed() -> None:
    block = make(TimeInZoneV2)
    assert times(block, shot(0, "a"), tracked((10, 10)), zone=SQUARE) == [0]
    assert times(block, shot(5, "b"), tracked((10, 10)), zone=SQUARE) == [0]
    assert times(block, shot(5, "a"), tracked((10, 10)), zone=SQUARE) == [5]
    with pytest.raises(InvalidRequest, match="tracker"):
        times(block, shot(0), found(plain(), (0, 0, 5, 5)), zone=SQUARE)
    with pytest.raises(InvalidRequest, match="points"):
        times(block, shot(0), tracked((10, 10)), zone=[[0, 0], [1, 1]])
    assert times(block, shot(0), columns.empty(), zone=SQUARE) == []


def cross(block: Block, way: list[float], **values: Any) -> list[dict[str, Any]]:
    """An object that moves along y, past the line from (50, 50) to (0, 50)... and the answers of each frame."""
    line = [[0, 50], [100, 50]]
    return [
        run_block(block, image=shot(i), detections=tracked((50, y)), line_segment=line, **values)
        for i, y in enumerate(way)
    ]


def test_the_line_counts_both_ways() -> None:
    up = cross(make(LineCounterV2), [70, 30, 29], triggering_anchor="CENTER")
    down = cross(make(LineCounterV2), [30, 70, 71], triggering_anchor="CENTER")
    assert [(one["count_in"], one["count_out"]) for one in up] == [(0, 0), (1, 0), (1, 0)]
    assert [(one["count_in"], one["count_out"]) for one in down] == [(0, 0), (0, 1), (0, 1)]
    assert [len(one["detections_in"]) for one in up] == [0, 1, 0]
    assert up[1]["detections_in"].data["in_out"].tolist() == ["in"]
    assert down[1]["detections_out"].data["in_out"].tolist() == ["out"]


def test_without_an_anchor_the_whole_box_must_cross() -> None:
    part = cross(make(LineCounterV2), [70, 51, 49])
    assert part[-1]["count_in"] == 0
    assert cross(make(LineCounterV2), [70, 51, 30])[-1]["count_in"] == 1


def test_the_first_line_counter_takes_metadata() -> None:
    block = make(LineCounterV1)
    answers = [
        run_block(
            block, metadata=shot(i).video_metadata, detections=tracked((50, y)), line_segment=[[0, 50], [100, 50]]
        )
        for i, y in enumerate([70, 30])
    ]
    assert answers == [{"count_in": 0, "count_out": 0}, {"count_in": 1, "count_out": 0}]


@pytest.mark.parametrize("line", [[[0, 0]], [[0, 0], [1, 1], [2, 2]], "line", [[0, "x"], [1, 1]]])
def test_a_line_has_two_ends(line: Any) -> None:
    with pytest.raises(InvalidRequest, match="points"):
        run_block(LineCounterV2, image=shot(0), detections=tracked((1, 1)), line_segment=line)


def test_velocity_in_pixels_and_metres() -> None:
    block = make(Velocity)

    def answer(second: float, x: float, **values: Any) -> dict[str, Any]:
        got = run_block(block, image=shot(second), detections=tracked((x, 10)), **values)["velocity_detections"]
        return {name: got.data[name][0] for name in ("velocity", "speed", "smoothed_velocity", "smoothed_speed")}

    assert answer(0, 10)["speed"] == 0
    second = answer(2, 20)
    assert second["velocity"].tolist() == [5, 0]
    assert second["smoothed_speed"] == 2.5, "it begins at rest"
    third = answer(3, 30, pixels_per_meter=10)
    assert third["speed"] == pytest.approx(1)
    assert third["smoothed_velocity"].tolist() == pytest.approx([0.625, 0]), "half of 10 and half of 2.5, by 10 px/m"
    assert answer(3, 90)["speed"] == pytest.approx(10), "no time went by: the velocity stays"
    with pytest.raises(InvalidRequest):
        answer(4, 1, pixels_per_meter=0)
    assert len(run_block(block, image=shot(9), detections=columns.empty())["velocity_detections"]) == 0


def frechet(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> float:
    """By the definition: the least over all couplings, found by recursion."""
    gap = np.linalg.norm(np.array(one)[:, None] - np.array(other)[None], axis=2)

    def least(i: int, j: int) -> float:
        if i == 0 and j == 0:
            return float(gap[0, 0])
        before = [least(a, b) for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if a >= 0 and b >= 0]
        return max(min(before), float(gap[i, j]))

    return least(len(one) - 1, len(other) - 1)


def test_the_frechet_distance_is_that_of_the_definition() -> None:
    random = np.random.default_rng(4)
    for _ in range(10):
        way = [tuple(point) for point in random.uniform(0, 50, (random.integers(1, 6), 2)).tolist()]
        path = [tuple(point) for point in random.uniform(0, 50, (random.integers(2, 6), 2)).tolist()]
        measure = FrechetDistance()
        distances = [measure.add(np.array(point), np.array(path)) for point in way]
        assert distances == pytest.approx([frechet(way[: i + 1], path) for i in range(len(way))])


@pytest.mark.parametrize("block", [PathDeviationV1, PathDeviationV2])
def test_path_deviation(block: type[Block]) -> None:
    made = make(block)
    strayed = []
    for i, (x, y) in enumerate([(0, 3), (10, 4), (20, 3)]):
        where = {"metadata": shot(i).video_metadata} if block is PathDeviationV1 else {"image": shot(i)}
        answer = run_block(made, detections=tracked((x, y)), reference_path=[[0, 0], [10, 0], [20, 0]], **where)
        strayed.append(float(answer["path_deviation_detections"].data[columns.PATH_DEVIATION][0]))
    assert strayed[-1] == 4
    with pytest.raises(InvalidRequest, match="reference_path"):
        run_block(make(PathDeviationV2), image=shot(0), detections=tracked((1, 1)), reference_path=[[1, 1]])


def test_overlap_by_centre_and_by_any_part() -> None:
    boxes = [(0, 0, 20, 20), (10, 10, 24, 24), (18, 18, 40, 40), (60, 60, 70, 70)]
    people = found(plain(100, 100), *boxes, classes=("bicycle", "near", "touching", "far"))

    def kept(kind: str) -> list[str]:
        answer = run_block(Overlap, predictions=people, overlap_type=kind, overlap_class_name="bicycle")
        return columns.names(answer["overlaps"])

    assert kept("Center Overlap") == ["near"]
    assert kept("Any Overlap") == ["near", "touching"]
    assert len(run_block(Overlap, predictions=columns.empty(), overlap_class_name="x")["overlaps"]) == 0


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_sums_over_runs() -> None:
    block = make(DataAggregator)
    modes = ["sum", "avg", "max", "min", "count", "values_difference", "distinct", "count_distinct", "values_counts"]
    answers = [
        run_block(block, data={"n": n}, aggregation_mode={"n": modes}, interval_unit="runs", interval=3)
        for n in (4, [1, 1], 7, 5)
    ]
    assert all(value is None for answer in (*answers[:2], answers[3]) for value in answer.values())
    assert answers[2] == {
        "n_sum": 13,
        "n_avg": 13 / 4,
        "n_max": 7,
        "n_min": 1,
        "n_count": 4,
        "n_values_difference": 3,
        "n_distinct": [4, 1, 7],
        "n_count_distinct": 3,
        "n_values_counts": {4: 1, 1: 2, 7: 1},
    }


def test_sums_over_time_with_operations() -> None:
    clock = Clock()
    block = make(DataAggregator, Services(monotonic=clock))
    operations = {"n": TypeAdapter(list[AnyOperation]).validate_python([op("SequenceLength")])}
    answers = []
    for second in (0, 30, 60, 90, 120):
        clock.now = second
        answers.append(
            run_block(
                block,
                data={"n": [0] * 2},
                data_operations=operations,
                aggregation_mode={"n": ["sum"]},
                interval_unit="minutes",
                interval=1,
            )["n_sum"]
        )
    assert answers == [None, None, 6, None, 4]


def test_what_does_not_add_up() -> None:
    for value, mode in (("x", "sum"), ({}, "distinct")):
        with pytest.raises(InvalidRequest):
            run_block(DataAggregator, data={"n": value}, aggregation_mode={"n": [mode]}, interval=1)
    with pytest.raises(InvalidRequest, match="'m'"):
        run_block(DataAggregator, data={"n": 1}, aggregation_mode={"m": ["sum"]}, interval=1)
    empty = run_block(
        DataAggregator, data={"n": []}, aggregation_mode={"n": ["max", "avg", "sum"]}, interval_unit="runs", interval=1
    )
    assert empty == {"n_max": None, "n_avg": None, "n_sum": 0}
