"""A score exactly at the threshold: above it counts, as in every original; Roboflow's former server took it too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from worker_service.engine.params import DetectionParams
from worker_service.engine.vision import layouts
from worker_service.engine.vision.candidates import Candidates

Decode = Callable[[np.dtype, np.float32], Candidates]
AT, ABOVE = 0.25, 0.5
SCORES = [AT, ABOVE, 0.125]


def columns(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32).T


def boxes() -> list[list[float]]:
    return [[8.0, 24.0, 40.0], [8.0] * 3, [4.0] * 3, [4.0] * 3]


DECODERS: dict[str, Decode] = {
    "channel_rows": lambda kind, floor: layouts.channel_rows(columns(*boxes(), SCORES).T.astype(kind), 1, floor, 100),
    "objectness_rows": lambda kind, floor: layouts.objectness_rows(
        columns(*boxes(), [1.0] * 3, SCORES).astype(kind), 1, floor, 100
    ),
    "final_rows": lambda kind, floor: layouts.final_rows(columns(*boxes(), SCORES, [0.0] * 3).astype(kind), floor),
    "box_class_pairs": lambda kind, floor: layouts.box_class_pairs(
        columns(*boxes()).astype(kind), columns(SCORES).astype(kind), floor, 100
    ),
    "query_class_pairs": lambda kind, floor: layouts.query_class_pairs(
        columns(*boxes()).astype(kind), columns([-np.log(3.0), 0.0, -3.0]).astype(kind), (8, 8), floor
    ),
}


@pytest.mark.parametrize("kind", ["float32", "float16"])
@pytest.mark.parametrize("name", DECODERS)
def test_only_scores_above_count(name: str, kind: str) -> None:
    floor = DetectionParams(confidence=AT).floor
    if name == "query_class_pairs":  # the logit of a quarter is no number of a machine: take what it gives
        floor = layouts.sigmoid(np.array([-np.log(3.0)], kind).astype(np.float32))[0]
    assert DECODERS[name](np.dtype(kind), floor).scores.tolist() == [ABOVE]


@pytest.mark.parametrize("kind", ["float32", "float16"])
@pytest.mark.parametrize("name", [name for name in DECODERS if name != "query_class_pairs"])
def test_the_former_server_takes_scores_at_the_threshold(name: str, kind: str) -> None:
    floor = DetectionParams(confidence=AT, nms_mode="legacy").floor
    assert sorted(DECODERS[name](np.dtype(kind), floor).scores.tolist()) == [AT, ABOVE]


def test_half_precision_does_not_round_the_threshold() -> None:
    """0.4 is 0.39990234 in half precision, which is below the threshold that was asked for."""
    scores = np.array([[[0.4]]], np.float16)
    rows = np.concatenate([np.full((1, 4), 8), scores[0], np.zeros((1, 1))], axis=1).astype(np.float16)
    assert len(layouts.final_rows(rows, DetectionParams(confidence=0.4).floor).scores) == 0
    assert len(layouts.final_rows(rows, DetectionParams(confidence=0.399).floor).scores) == 1


def test_a_threshold_of_zero_takes_every_score_that_is_not_zero() -> None:
    floor = DetectionParams(confidence=0).floor
    rows = columns(*boxes(), [0.0, 1e-7, 1.0], [0.0] * 3)
    assert layouts.final_rows(rows, floor).scores.tolist() == [np.float32(1e-7), 1.0]
