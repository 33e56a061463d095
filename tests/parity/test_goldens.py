"""Every family against recordings of its reference implementation: from the file's bytes to boxes in source pixels.

Only the graph itself is replaced by its recorded outputs; what goes into it is compared with what the reference fed.
``script/parity`` runs the real graphs and renews the recordings.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from shared.decode import decode
from tests.parity import golden, pictures
from tests.parity.compare import Errors, compare
from tests.parity.families import AWAITED, FAMILY_OF
from tests.parity.known import DIFFERENT
from tests.parity.replay import ReplayRuntime, package, signature
from worker_service.engine.family import AnyModel, Image, registry

log = logging.getLogger(__name__)

INPUT_TOLERANCE = {"float32": 1e-5, "float16": 1e-3, "uint8": 0.0}
MAX_PIXELS = 10_000_000
ACTIVE = [name for name in golden.names() if FAMILY_OF.get(name) in registry().names()]


@lru_cache(maxsize=2)
def stored(name: str) -> tuple[golden.Case, golden.Arrays]:
    return golden.load(name)


@lru_cache(maxsize=len(pictures.NAMES))
def pixels(name: str) -> Image:
    return decode(pictures.read(name), MAX_PIXELS)


def answers(model: AnyModel, names: list[str], setting: dict[str, Any]) -> list[dict[str, Any]]:
    """Our answers to pictures as one batch."""
    params = model.params(setting)
    prepared = [model.preprocess(pixels(name), params) for name in names]
    raws = model.infer(prepared)
    return [model.postprocess(raw, item, params).to_dict() for raw, item in zip(raws, prepared, strict=True)]


# Strict: a difference that has gone must be taken off the list.
COMPARED = [
    pytest.param(name, marks=pytest.mark.xfail(reason=DIFFERENT[name], strict=True)) if name in DIFFERENT else name
    for name in ACTIVE
]


@pytest.mark.parametrize("batch", [1, len(pictures.NAMES)], ids=["single", "batch"])
@pytest.mark.parametrize("name", COMPARED)
def test_same_as_reference(name: str, batch: int, tmp_path: Path) -> None:
    case, arrays = stored(name)
    runtime = ReplayRuntime(case, arrays)
    model = registry().get(FAMILY_OF[name]).load(package(case, FAMILY_OF[name], tmp_path), runtime)
    total = Errors()
    for i, setting in enumerate(case.settings):
        for start in range(0, len(case.pictures), batch):
            chunk = case.pictures[start : start + batch]
            for picture, ours in zip(chunk, answers(model, chunk, setting), strict=True):
                errors = compare(ours, golden.part(arrays, f"{picture}/answer{i}"))
                assert not errors.mismatch, f"{picture} at {setting}: {errors.mismatch}"
                total = total.worse(errors)
    log.info("%s: %s and input %.1e, on a scale of %s", name, total, runtime.session.input_error, case.scale)
    assert runtime.session.input_error <= INPUT_TOLERANCE[case.inputs[0]["dtype"]], "the inputs differ"
    assert total.passed, f"{total} on a scale of {case.scale}"


@pytest.mark.parametrize("name", ACTIVE)
def test_recognises_the_graph(name: str) -> None:
    """No other family claims the graph with more confidence, and its own does claim it."""
    case, _ = stored(name)
    seen = signature(case)
    scores = {family.name: score for family in registry() if (score := family.matches(seen)) is not None}
    assert scores.get(FAMILY_OF[name]), f"{scores}, seen {seen}"
    assert scores[FAMILY_OF[name]] == max(scores.values())


def test_nothing_is_forgotten() -> None:
    """Each recording belongs to a family, and those whose family is missing are known to be awaited."""
    assert set(golden.names()) == set(FAMILY_OF)
    assert {name for name in golden.names() if name not in ACTIVE} == AWAITED


@pytest.mark.parametrize("name", golden.names())
def test_recording_proves_something(name: str) -> None:
    """Enough pictures, real scores, and boxes to compare."""
    case, arrays = stored(name)
    assert len(case.pictures) >= 8
    assert max(case.scale.get("scores", 0), case.scale.get("probabilities", 0)) >= 0.4
    if "scores" in case.scale:
        assert sum(len(arrays[f"{picture}/answer0/scores"]) for picture in case.pictures) >= 10
