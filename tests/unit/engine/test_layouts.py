"""Each layout beside a loop that reads it the slow way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from worker_service.engine.vision import layouts
from worker_service.engine.vision.candidates import Candidates

RANDOM = np.random.default_rng(5)
Row = tuple[list[float], float, int, list[float]]


def rows_of(found: Candidates) -> list[Row]:
    return sorted(
        (
            (box, score, class_id, extra)
            for box, score, class_id, extra in zip(
                found.boxes.tolist(),
                found.scores.tolist(),
                found.class_ids.tolist(),
                found.extras.tolist(),
                strict=True,
            )
        ),
        key=lambda row: (-row[1], row[2], row[0]),
    )


def same(found: Candidates, expected: list[Row]) -> None:
    rows = rows_of(found)
    expected = sorted(expected, key=lambda row: (-row[1], row[2], row[0]))
    assert len(rows) == len(expected) > 3
    for ours, theirs in zip(rows, expected, strict=True):
        assert ours[2] == theirs[2]
        assert ours[1] == pytest.approx(theirs[1], abs=1e-5)
        assert ours[0] == pytest.approx(theirs[0], rel=1e-4, abs=1e-3)
        assert ours[3] == pytest.approx(theirs[3], abs=1e-5)


def corners(x: float, y: float, w: float, h: float) -> list[float]:
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("extras", [0, 5])
def test_channel_rows(dtype: Any, extras: int) -> None:
    output = RANDOM.uniform(0, 1, (4 + 3 + extras, 40)).astype(dtype)
    expected = []
    for column in output.T.astype(float).tolist():
        best = int(np.argmax(column[4:7]))
        if column[4 + best] >= 0.8:
            expected.append((corners(*column[:4]), column[4 + best], best, column[7:]))
    same(layouts.channel_rows(output, 3, 0.8, 100), expected)


def test_candidates_are_capped() -> None:
    output = RANDOM.uniform(0, 1, (4 + 3, 400)).astype(np.float32)
    best = np.sort(output[4:].max(axis=0))[::-1][:7]
    assert np.sort(layouts.channel_rows(output, 3, 0.1, 7).scores)[::-1].tolist() == best.tolist()
    rows = RANDOM.uniform(0, 1, (400, 8)).astype(np.float32)
    assert len(layouts.objectness_rows(rows, 3, 0.01, 7).scores) == 7
    assert len(layouts.box_class_pairs(rows[:, :4], rows[:, 4:], 0.01, 7).scores) == 7


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("extras", [0, 4])
def test_objectness_rows(legacy: bool, extras: int) -> None:
    output = RANDOM.uniform(0, 1, (80, 5 + 3 + extras)).astype(np.float32)
    expected = []
    for row in output.astype(float).tolist():
        best = int(np.argmax(row[5:8]))
        score = row[4] if legacy else row[4] * row[5 + best]
        if score >= 0.6:
            expected.append((corners(*row[:4]), score, best, [row[4] * value for value in row[8:]]))
    same(layouts.objectness_rows(output, 3, 0.6, 100, legacy=legacy), expected)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
def test_anchor_maps(threshold: float) -> None:
    maps = [RANDOM.normal(size=(3, 64 // s, 96 // s, 8)).astype(np.float32) for s in (8, 16, 32)]
    anchors = RANDOM.uniform(4, 60, (3, 3, 2)).astype(np.float32)
    expected = []
    for level, stride in enumerate((8, 16, 32)):
        for a in range(3):
            for row in range(64 // stride):
                for column in range(96 // stride):
                    values = [logistic(value) for value in maps[level][a, row, column]]
                    if values[4] < threshold:
                        continue
                    x, y = (values[0] * 2 - 0.5 + column) * stride, (values[1] * 2 - 0.5 + row) * stride
                    w, h = (values[2] * 2) ** 2 * anchors[level, a, 0], (values[3] * 2) ** 2 * anchors[level, a, 1]
                    expected.append([x, y, w, h, *values[4:]])
    rows = layouts.anchor_maps(maps, anchors, (96, 64), threshold)
    assert rows.shape == (len(expected), 8)
    np.testing.assert_allclose(rows, np.array(expected).reshape(-1, 8), rtol=1e-4, atol=1e-3)


def test_final_rows_leave_padding_out_whatever_the_threshold() -> None:
    output = np.zeros((20, 9), np.float32)
    output[3], output[11] = [1, 2, 3, 4, 0.6, 2, 7, 8, 9], [5, 6, 7, 8, 0.2, 0, 1, 2, 3]
    assert layouts.final_rows(output, 0).scores.tolist() == pytest.approx([0.6, 0.2])
    found = layouts.final_rows(output, 0.5)
    assert (found.boxes.tolist(), found.class_ids.tolist(), found.extras.tolist()) == ([[1, 2, 3, 4]], [2], [[7, 8, 9]])


def test_a_box_counts_for_each_class_above() -> None:
    boxes, scores = RANDOM.uniform(0, 64, (30, 4)), RANDOM.uniform(0, 1, (30, 4))
    expected: list[Row] = [
        (boxes[i].tolist(), scores[i, c], c, []) for i in range(30) for c in range(4) if scores[i, c] >= 0.7
    ]
    assert len({tuple(row[0]) for row in expected}) < len(expected)
    same(layouts.box_class_pairs(boxes, scores, 0.7, 1000), expected)


def test_the_best_query_class_pairs_are_as_many_as_queries() -> None:
    boxes, logits = RANDOM.uniform(0, 1, (12, 4)), RANDOM.normal(size=(12, 5))
    pairs = sorted(((logistic(logits[q, c]), q, c) for q in range(12) for c in range(5)), reverse=True)[:12]
    size = (64, 96)
    expected: list[Row] = [
        ((np.array(corners(*boxes[q])) * [*size, *size]).tolist(), score, c, [float(q)])
        for score, q, c in pairs
        if score >= 0.75
    ]
    assert len(expected) < 12
    same(layouts.query_class_pairs(boxes, logits, size, 0.75), expected)


def test_offsets_from_priors() -> None:
    offsets, priors = RANDOM.normal(size=(9, 4)), RANDOM.uniform(0.2, 0.8, (9, 4))
    expected = []
    for (dx, dy, dw, dh), (px, py, pw, ph) in zip(offsets, priors, strict=True):
        box = corners(px + dx * 0.1 * pw, py + dy * 0.1 * ph, pw * np.exp(dw * 0.2), ph * np.exp(dh * 0.2))
        expected.append([v * s for v, s in zip(box, (64, 96, 64, 96), strict=True)])
    np.testing.assert_allclose(layouts.prior_boxes(offsets, priors, (64, 96)), expected, rtol=1e-5)


def test_the_sigmoid_does_not_overflow() -> None:
    values = np.array([-1e4, -3, 0, 3, 1e4], np.float32)
    assert layouts.sigmoid(values) == pytest.approx([0, logistic(-3), 0.5, logistic(3), 1])
