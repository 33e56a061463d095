"""Moondream2 against its authors' code: crops, features, tokens of five pictures, boxes, points, logits."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from tests.parity import pictures
from tests.parity.foundation import FOLDER
from tests.parity.generation import TOKENS
from tests.parity.moondream import CUT, OBJECTS, PROMPTS, SIDES, THINGS
from worker_service.engine.engine import Engine
from worker_service.engine.family import Prepared
from worker_service.engine.generation.decoder import EMBEDS, MASK, POSITIONS
from worker_service.engine.vision.crops import Cutting, layout
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)
NET, LOGITS, NAMES = "moondream2", 1e-4, pictures.NAMES[:5]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))


@pytest.fixture(scope="module")
def wanted() -> dict[str, Any]:
    with np.load(FOLDER / NET / "answers.npz") as file:
        return dict(file)


def prepared(engine: Engine, prompts: Any, names: Any = NAMES, **params: Any) -> list[Prepared]:
    model, items = engine.get(NET), []
    for name, prompt in zip(names, prompts, strict=True):
        checked = model.params({"prompt": prompt, **params})
        items.append(model.preprocess(engine.decode(pictures.read(name), checked), checked))
    return items


def test_layouts_of_crops(wanted: dict[str, Any]) -> None:
    cutting = Cutting(378, 14, 4, 12)
    found = [layout(h - 112, w - 112, cutting) for h, w in SIDES]
    assert found == [tuple(each) for each in wanted["layouts"].tolist()]
    assert len(set(found)) > 8


def test_crops_and_what_is_seen_of_them(engine: Engine, wanted: dict[str, Any]) -> None:
    model: Any = engine.get(NET)
    for name, item in zip(CUT, prepared(engine, [""] * len(CUT), CUT), strict=True):
        assert item.tensors["layout"].tolist() == wanted[f"{name}.layout"].tolist(), name
        pixels = item.tensors["vision_encoder.onnx"][:, :, ::18, ::18]
        assert np.abs(pixels - wanted[f"{name}.pixels"]).max() < 1e-6, name
        seen = model.see(item.tensors)
        assert len(seen) == 27 * 27
        known = wanted[f"{name}.seen"]
        assert np.abs(seen[::27, ::8] - known).max() < 2e-5 * np.abs(known).max(), name
    assert len({tuple(wanted[f"{name}.layout"]) for name in CUT}) > 1


def test_the_likeliest_tokens_of_prompts_of_all_kinds_at_once(engine: Engine, wanted: dict[str, Any]) -> None:
    """Texts, boxes and points decode as one batch."""
    items = prepared(engine, PROMPTS, max_new_tokens=TOKENS) + prepared(engine, [f"detect: {each}" for each in THINGS])
    found = [raw[0].tolist() for raw in engine.get(NET).infer(items)]
    for name, item, tokens in zip(NAMES, items, found, strict=False):
        assert item.ask.ids == wanted[f"{name}.prompt"].tolist(), name
        assert tokens == wanted[name].tolist(), name
        assert len(tokens) >= 200
        assert len(set(tokens)) > 20, "the reference repeats itself"
    assert len({tuple(tokens) for tokens in found}) == len(items), "the reference does not look"
    alone = engine.get(NET).infer(prepared(engine, PROMPTS, max_new_tokens=30)[:1])
    assert alone[0][0].tolist() == found[0][:30]


@pytest.mark.parametrize("ended", [False, True])
def test_boxes_and_points(
    engine: Engine, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, ended: bool
) -> None:
    model: Any = engine.get(NET)
    if ended:  # some lists end by themselves
        stop = {"eos_token_id": (int(wanted["stop"]),)}
        monkeypatch.setattr(model, "_options", model._options.model_copy(update=stop))
    lengths = set()
    for kind, each in (("detect", 3), ("point", 2)):
        prompts = [f"{kind}: {thing}" for thing in THINGS]
        items = prepared(engine, prompts, max_new_tokens=OBJECTS * each)
        for name, item, raw in zip(NAMES, items, model.infer(items), strict=True):
            answer = model.postprocess(raw, item, model.params({})).to_dict()
            known = wanted[f"{name}{'.ended' if ended else ''}.{'boxes' if kind == 'detect' else 'points'}"]
            lengths.add(len(known))
            said = answer["response"][kind]
            found = np.array(said["bboxes" if kind == "detect" else "points"]).reshape(known.shape)
            size = np.array(item.image * (known.shape[1] // 2))
            assert np.abs(found - known.clip(0, 1) * size).max() < 1e-3, name
            assert answer["finish_reason"] == ("length" if len(known) == OBJECTS else "stop")
            assert said["labels"] == [item.ask.words] * len(known)
            rows = answer.get("predictions", [])
            assert len(rows) == (len(known) if kind == "detect" else 0)
            for row, (x0, y0, x1, y1) in zip(rows, found.tolist(), strict=False):
                assert (row["class"], row["confidence"]) == (item.ask.words, 1.0)
                corners = np.array([row["x"], row["y"], row["width"], row["height"]])
                assert np.abs(corners - [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]).max() < 1e-3
    assert (len(lengths) > 1) is ended


def test_logits_of_the_reference_own_tokens(engine: Engine, wanted: dict[str, Any]) -> None:
    """Image and prompt in one step, the text token by token through the cache."""
    model: Any = engine.get(NET)
    worst = scale = 0.0
    for name, item in zip(NAMES, prepared(engine, PROMPTS), strict=True):
        (request,), _ = model._begin([item])
        known, cache = wanted[f"{name}.logits"], model._decoder.begin({})
        at, fed = 0, request.embeds[None]
        for step, token in enumerate([*wanted[name].tolist(), 0][: 20 * len(known) - 19]):
            stop = at + fed.shape[1]
            feeds = {EMBEDS: fed, MASK: np.ones((1, stop), np.int64), POSITIONS: np.arange(at, stop)[None]}
            logits = model._decoder.run(feeds, cache)[0, : model._vocabulary]
            if step % 20 == 0:
                worst = max(worst, float(np.abs(logits - known[step // 20]).max()))
            at, fed = stop, model._embedded(np.array([[token]]))
        scale = max(scale, float(known.max()))
    log.info("logits off by %.1e of %.1f", worst, scale)
    assert worst < LOGITS * scale


def test_a_black_picture_changes_text_and_boxes(engine: Engine, wanted: dict[str, Any]) -> None:
    for prompt in (PROMPTS[0], f"detect: {THINGS[0]}"):
        (item,) = prepared(engine, [prompt], NAMES[:1], max_new_tokens=30)
        black = {name: array * 0 if array.ndim == 4 else array for name, array in item.tensors.items()}
        dark = Prepared(black, item.geometry, item.image, ask=item.ask)
        shown, unseen = (raw[0].tolist() for raw in engine.get(NET).infer([item, dark]))
        assert shown != unseen


def test_rows_of_different_lengths_are_one_batch(engine: Engine) -> None:
    model: Any = engine.get(NET)
    assert model._decoder.pads


@pytest.mark.parametrize("prompt", ["caption: endless", "Caption:long"])
def test_a_caption_of_no_length(engine: Engine, prompt: str) -> None:
    (answer,) = engine.infer(NET, [pictures.read(NAMES[0])], {"prompt": prompt})
    assert isinstance(answer, InvalidRequest)
    assert "normal, short" in answer.message
