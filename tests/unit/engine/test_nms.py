from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from worker_service.engine.vision.nms import best_candidates, centre_to_corners, fast_nms, legacy_nms, nms


def naive(boxes: Any, scores: Any, groups: Any, threshold: float, limit: int, overlaps: Any = None) -> list[int]:
    """Every pair, one by one. Coordinates are small integers: the same products are exact in both."""
    overlaps = overlaps or true_overlaps
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if len(kept) == limit:
            break
        if all(
            (groups is not None and groups[i] != groups[j]) or not overlaps(boxes[i], boxes[j], threshold) for j in kept
        ):
            kept.append(i)
    return kept


def true_overlaps(a: Any, b: Any, threshold: float) -> bool:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return bool(np.float32(shared) > np.float32(threshold) * np.float32(union))


def legacy_overlaps(lesser: Any, better: Any, threshold: float) -> bool:
    """Share of the lesser box, in pixels that count at both ends."""
    width = max(0.0, min(lesser[2], better[2]) - max(lesser[0], better[0]) + 1)
    height = max(0.0, min(lesser[3], better[3]) - max(lesser[1], better[1]) + 1)
    area = (lesser[2] - lesser[0] + 1) * (lesser[3] - lesser[1] + 1)
    return bool(np.float32(width * height) > np.float32(threshold) * np.float32(area))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    count = draw(st.integers(0, 40))
    corner = draw(hnp.arrays(np.float32, (count, 2), elements=st.integers(0, 30)))
    size = draw(hnp.arrays(np.float32, (count, 2), elements=st.integers(0, 20)))
    scores = draw(hnp.arrays(np.float32, count, elements=st.integers(0, 8).map(lambda n: n / 8)))
    groups = draw(hnp.arrays(np.int64, count, elements=st.integers(0, 2)))
    return np.concatenate([corner, corner + size], axis=1), scores, groups


@given(scenes(), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), st.sampled_from([1, 5, 300]), st.booleans())
def test_equals_the_naive_one(scene: tuple[Any, Any, Any], threshold: float, limit: int, agnostic: bool) -> None:
    boxes, scores, groups = scene
    chosen = None if agnostic else groups
    assert nms(boxes, scores, chosen, threshold, limit).tolist() == naive(boxes, scores, chosen, threshold, limit)


@given(scenes(), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), st.sampled_from([1, 5, 300]), st.booleans())
def test_fast_lets_any_better_box_suppress(
    scene: tuple[Any, Any, Any], threshold: float, limit: int, one: bool
) -> None:
    boxes, scores, groups = scene
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    expected = [
        i
        for place, i in enumerate(order)
        if not any(
            (one or groups[i] == groups[j]) and true_overlaps(boxes[i], boxes[j], threshold) for j in order[:place]
        )
    ]
    found = fast_nms(boxes, scores, None if one else groups, threshold, limit)
    assert found.tolist() == expected[:limit]


@given(scenes(), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), st.sampled_from([1, 5, 300]), st.booleans())
def test_legacy_equals_its_own_naive_one(scene: tuple[Any, Any, Any], threshold: float, limit: int, one: bool) -> None:
    boxes, scores, groups = scene
    chosen = None if one else groups
    expected = naive(boxes, scores, chosen, threshold, limit, legacy_overlaps)
    assert legacy_nms(boxes, scores, chosen, threshold, limit).tolist() == expected


def test_legacy_lets_a_small_box_inside_a_large_one_go() -> None:
    boxes = np.array([[0, 0, 100, 100], [40, 40, 50, 50]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    assert nms(boxes, scores, None, 0.3, 10).tolist() == [0, 1]
    assert legacy_nms(boxes, scores, None, 0.3, 10).tolist() == [0]
    assert legacy_nms(boxes, scores[::-1], None, 0.3, 10).tolist() == [1, 0]


def test_overlap_is_intersection_over_union() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 5, 10, 15]], np.float32)  # they share 50 of 150
    scores = np.array([0.9, 0.8], np.float32)
    assert nms(boxes, scores, None, 0.34, 10).tolist() == [0, 1]
    assert nms(boxes, scores, None, 0.33, 10).tolist() == [0]


@given(hnp.arrays(np.float32, st.integers(0, 60), elements=st.floats(0, 1, width=32)), st.integers(1, 20))
def test_candidates_are_the_best_above_the_threshold(scores: Any, limit: int) -> None:
    chosen = best_candidates(scores, 0.5, limit)
    expected = np.sort(scores[scores > np.float32(0.5)])[::-1][:limit]
    assert np.sort(scores[chosen])[::-1].tolist() == expected.tolist()
    assert len(set(chosen.tolist())) == len(chosen)


@pytest.mark.parametrize("limit", [1, 300])
def test_many_candidates_stay_bounded(limit: int) -> None:
    random = np.random.default_rng(0)
    corner = random.uniform(0, 640, (3000, 2)).astype(np.float32)
    boxes = np.concatenate([corner, corner + 8], axis=1)
    assert len(nms(boxes, random.uniform(0, 1, 3000).astype(np.float32), None, 0.3, limit)) == limit


def test_centre_form() -> None:
    assert centre_to_corners(np.array([[10, 20, 4, 6]], np.float32)).tolist() == [[8, 17, 12, 23]]
