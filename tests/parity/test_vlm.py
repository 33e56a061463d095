"""SmolVLM and PaliGemma against transformers: prompts, tokens of five pictures, beams, logits."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from tests.parity import pictures, vlm
from tests.parity.foundation import FOLDER
from tests.parity.generation import TOKENS
from worker_service.engine.engine import Engine
from worker_service.engine.family import Prepared
from worker_service.engine.generation.decoder import EMBEDS, MASK, POSITIONS
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)
LOGITS = 1e-4
NAMES = pictures.NAMES[:5]
NETS = ("smolvlm", "paligemma")
each_net = pytest.mark.parametrize("net", NETS)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))


def answers(net: str) -> dict[str, Any]:
    with np.load(FOLDER / net / "answers.npz") as file:
        return dict(file)


def prepared(engine: Engine, net: str, **params: Any) -> list[Prepared]:
    model, items = engine.get(net), []
    for name, prompt in zip(NAMES, vlm.PROMPTS, strict=True):
        checked = model.params({"prompt": prompt, **params})
        items.append(model.preprocess(engine.decode(pictures.read(name), checked), checked))
    return items


@each_net
def test_the_likeliest_tokens_of_prompts_of_all_lengths_at_once(engine: Engine, net: str) -> None:
    wanted = answers(net)
    found = [raw[0].tolist() for raw in engine.get(net).infer(prepared(engine, net, max_new_tokens=TOKENS))]
    for name, tokens in zip(NAMES, found, strict=True):
        assert tokens == wanted[name].tolist(), name
        assert len(tokens) >= 200
        assert len(set(tokens)) > 20, "the reference repeats itself"
    assert len({tuple(tokens) for tokens in found}) == len(NAMES), "the reference does not look"
    alone = engine.get(net).infer(prepared(engine, net, max_new_tokens=30)[:1])
    assert alone[0][0].tolist() == found[0][:30]


@each_net
def test_three_beams(engine: Engine, net: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = engine.get(net)
    monkeypatch.setattr(model, "_options", model._options.model_copy(update={"early_stopping": True}))
    found = model.infer(prepared(engine, net, num_beams=3, max_new_tokens=40))
    assert [raw[0].tolist() for raw in found] == [answers(net)[f"{name}.beams"].tolist() for name in NAMES]


@each_net
def test_prompts_and_logits_of_the_reference_own_tokens(engine: Engine, net: str) -> None:
    """The prompt in one step, the text token by token through the cache."""
    model: Any = engine.get(net)
    wanted, worst = answers(net), 0.0
    for name, item in zip(NAMES, prepared(engine, net), strict=True):
        ids, embeds = model._joined(item.ask.ids, model.see(item.tensors))
        assert ids == wanted[f"{name}.prompt"].tolist(), name
        known, cache = wanted[f"{name}.logits"], model._decoder.begin({})
        at, fed = 0, embeds[None]
        for step, token in enumerate([*wanted[name].tolist(), 0][: 20 * len(known) - 19]):
            stop = at + fed.shape[1]
            places = np.arange(at, stop)[None] + model.first_position
            feeds = {EMBEDS: fed, MASK: np.ones((1, stop), np.int64), POSITIONS: places}
            logits = model._decoder.run(feeds, cache)[0]
            if step % 20 == 0:
                worst = max(worst, float(np.abs(logits - known[step // 20]).max()))
            at, fed = stop, model._embedded(np.array([[token]]))
    scale = float(np.abs(known).max())
    log.info("%s: logits off by %.1e of %.1f", net, worst, scale)
    assert worst < LOGITS * scale


@each_net
def test_a_black_picture_changes_the_text(engine: Engine, net: str) -> None:
    item = prepared(engine, net, max_new_tokens=30)[0]
    tensors = {k: v if v.dtype == bool else v * 0 for k, v in item.tensors.items()}
    (black,) = engine.get(net).infer([Prepared(tensors, item.geometry, item.image, ask=item.ask)])
    assert black[0].tolist() != answers(net)[NAMES[0]][:30].tolist()


def test_tiles_are_the_reference_s(engine: Engine) -> None:
    wanted = answers("smolvlm")
    for name, item in zip(NAMES, prepared(engine, "smolvlm"), strict=True):
        assert item.tensors["pixel_values"].shape[0] == len(wanted[f"{name}.pixels"])
        sample = item.tensors["pixel_values"][:, :, ::8, ::8]
        assert np.abs(sample - wanted[f"{name}.pixels"]).max() < 1e-6
    assert len({item.tensors["pixel_values"].shape[0] for item in prepared(engine, "smolvlm")}) > 1, "all alike"


def test_which_decoders_bear_rows_of_different_lengths(engine: Engine) -> None:
    pads = {net: engine.get(net)._decoder.pads for net in (*NETS, "florence2", "trocr-merged")}  # type: ignore[attr-defined]
    assert pads == {"smolvlm": True, "paligemma": False, "florence2": False, "trocr-merged": False}


@each_net
def test_a_prompt_brings_no_picture_of_its_own(engine: Engine, net: str) -> None:
    (answer,) = engine.infer(net, [pictures.read(NAMES[0])], {"prompt": "two <image> of it"})
    assert isinstance(answer, InvalidRequest)
    assert "put in by itself" in answer.message
