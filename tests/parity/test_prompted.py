"""SAM and SAM2 against their originals: the same graphs, from the picture's bytes to the mask."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from tests.parity import pictures
from tests.parity.foundation import FOLDER, PROMPTED, PROMPTS, scaled
from worker_service.engine.engine import Engine
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)

LOGITS = 1e-4
SCORE = 1e-4
OVERLAP = 0.999
NETS = ("sam-hf", "sam-hf-boxes", "sam-meta", "sam-exporter", "sam2-hf", "sam2-hf-boxes", "sam2-exporter")
BOXED = ("sam-hf-boxes", "sam2-hf-boxes")
TAKES_MASKS = ("sam-meta", "sam-exporter", "sam2-exporter")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=True))


def answers(net: str) -> dict[str, Any]:
    with np.load(FOLDER / net / "answers.npz") as file:
        return dict(file)


def prompt_of(kind: str, width: int, height: int) -> dict[str, Any]:
    asked = scaled(PROMPTS[kind], width, height)
    return {"points": [{"x": x, "y": y, "label": label} for x, y, label in asked["points"]], "box": asked["box"]}


def result(engine: Engine, net: str, name: str, params: dict[str, Any]) -> Any:
    (found,) = engine.infer(net, [pictures.read(name)], params)
    assert not isinstance(found, Exception), found
    return found


@pytest.mark.parametrize("net", NETS)
def test_masks(engine: Engine, net: str) -> None:
    wanted, shares = answers(net), []
    for name in PROMPTED:
        width, height = result(engine, net, name, {"embed_only": True}).image
        kinds = [kind for kind in PROMPTS if f"{name}.{kind}" in wanted]
        assert set(kinds) >= ({"box", "both"} if net in BOXED else {"point", "points"})
        found = result(engine, net, name, {"prompts": [prompt_of(kind, width, height) for kind in kinds]})
        for i, kind in enumerate(kinds):
            score, share = wanted[f"{name}.{kind}.score"]
            mask = np.unpackbits(wanted[f"{name}.{kind}"])[: height * width].reshape(height, width)
            overlap = (mask & found.masks[i]).sum() / max(1, (mask | found.masks[i]).sum())
            error = np.abs(found.logits[i] - wanted[f"{name}.{kind}.low"]).max()
            log.info("%s %s %s: logits off by %.1e, overlap %.5f, covers %.2f", net, name, kind, error, overlap, share)
            assert error < LOGITS
            assert overlap > OVERLAP
            assert found.scores[i] == pytest.approx(score, abs=SCORE)
            shares.append(share)
    assert 0.05 < np.median(shares) < 0.95, "the reference's masks are all or nothing"


@pytest.mark.parametrize("net", TAKES_MASKS)
def test_going_on_from_a_mask(engine: Engine, net: str) -> None:
    """The reference began from its last prompt's mask; so do we, given as numbers and remembered."""
    wanted, name = answers(net), "wide.jpg"
    width, height = result(engine, net, name, {"embed_only": True}).image
    last = [kind for kind in PROMPTS if f"{name}.{kind}" in wanted][-1]
    first = prompt_of("point", width, height)
    start = wanted[f"{name}.{last}.low"].astype(np.float32).tobytes()
    given = result(engine, net, name, {"prompts": [first], "mask_input": start})
    assert np.abs(given.logits[0] - wanted[f"{name}.again"]).max() < LOGITS
    result(engine, net, name, {"prompts": [prompt_of(last, width, height)], "save_logits_to_cache": True})
    again = result(engine, net, name, {"prompts": [first], "start_from": "last"})
    assert np.abs(again.logits[0] - wanted[f"{name}.again"]).max() < LOGITS
    plain = result(engine, net, name, {"prompts": [first]})
    assert np.abs(plain.logits[0] - wanted[f"{name}.again"]).max() > 10 * LOGITS, "the mask changes nothing"


@pytest.mark.parametrize("net", BOXED)
def test_a_decoder_with_boxes_answers_no_points_alone(engine: Engine, net: str) -> None:
    """What the graph answers to an empty list of boxes is neither an error nor the reference's mask."""
    (found,) = engine.infer(net, [pictures.read("wide.jpg")], {"prompts": [prompt_of("point", 640, 360)]})
    assert isinstance(found, InvalidRequest)
    assert "box" in found.message
    whole = result(engine, net, "wide.jpg", {"prompts": [{"box": (0.0, 0.0, 640.0, 360.0)}]})
    nothing = result(engine, net, "wide.jpg", {})
    assert np.array_equal(whole.logits, nothing.logits)
