"""Foundation models against their references: the same graph, from the picture's bytes to the answer."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from tests.parity import pictures
from tests.parity.foundation import FOLDER, TEXTS, sample
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)

NEARNESS = 1e-4
EMBEDDING = 1e-5
CAPPED = ("strip.jpg",)
"""Longer than we feed: the reference knows no limit."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=True))


def answers(name: str) -> dict[str, Any]:
    with np.load(FOLDER / name / "answers.npz") as file:
        return dict(file)


@pytest.mark.parametrize("net", ["depth-anything", "depth-anything-fixed"])
def test_depth(engine: Engine, net: str) -> None:
    wanted = answers(net)
    results = engine.infer(net, [pictures.read(name) for name in pictures.NAMES])
    for name, result in zip(pictures.NAMES, results, strict=True):
        found: Any = result
        error = np.abs(sample(found.nearness) - wanted[name]).max()
        low, high = wanted[f"{name}.scale"]
        log.info("%s %s: nearness off by %.1e, depths %.3f to %.3f", net, name, error, low, high)
        assert error < NEARNESS or (name in CAPPED and net == "depth-anything")
        assert high - low > 0.01, "the reference's map is flat"


@pytest.mark.parametrize("net", ["clip", "clip-joint"])
def test_embeddings(engine: Engine, net: str) -> None:
    wanted = answers(net)
    inputs = {**{name: pictures.read(name) for name in pictures.NAMES}, **{f"text.{i}": t for i, t in enumerate(TEXTS)}}
    results: Any = engine.infer(net, list(inputs.values()))
    vectors = {name: result.vector for name, result in zip(inputs, results, strict=True)}
    for name, vector in vectors.items():
        error, scale = np.abs(vector - wanted[name]).max(), np.abs(wanted[name]).max()
        log.info("%s %s: off by %.1e at %.2f", net, name, error, scale)
        assert error < EMBEDDING * max(1, scale)
    spread = np.stack([wanted[f"text.{i}"] / np.linalg.norm(wanted[f"text.{i}"]) for i in range(len(TEXTS))])
    assert np.abs(spread @ spread.T - np.eye(len(TEXTS))).max() < 1.001
    assert np.linalg.matrix_rank(spread, tol=0.05) > 5, "the reference's texts all look the same"


@pytest.mark.parametrize("net", ["clip", "clip-joint"])
def test_similarity(engine: Engine, net: str) -> None:
    wanted = answers(net)
    texts = [*TEXTS[:3], TEXTS[0]]
    (found,) = engine.infer(net, [pictures.read("exact.jpg")], {"texts": texts})
    image = wanted["exact.jpg"] / np.linalg.norm(wanted["exact.jpg"])
    expected = [float(image @ wanted[f"text.{i}"] / np.linalg.norm(wanted[f"text.{i}"])) for i in (0, 1, 2, 0)]
    assert found.to_dict()["similarity"] == pytest.approx(expected, abs=EMBEDDING)
