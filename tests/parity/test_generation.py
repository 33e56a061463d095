"""Generating models against transformers' ``generate``: the same graph, from the picture's bytes to the tokens."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from tests.parity import pictures
from tests.parity.foundation import FOLDER
from tests.parity.generation import BEAMS, TOKENS
from worker_service.engine.engine import Engine
from worker_service.engine.family import AnyModel, Prepared
from worker_service.engine.generation.decoder import IDS
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)

LOGITS = 1e-4
NAMES = pictures.NAMES[:5]
DISTINCT = 20
"""Of a text's tokens: one that says the same again and again would prove little."""
each_layout = pytest.mark.parametrize("net", ["trocr", "trocr-merged"])


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))


def answers(net: str) -> dict[str, Any]:
    with np.load(FOLDER / net / "answers.npz") as file:
        return dict(file)


def prepared(engine: Engine, model: AnyModel, name: str, **params: Any) -> Prepared:
    checked = model.params(params)
    return model.preprocess(engine.decode(pictures.read(name), checked), checked)


def written(engine: Engine, net: str, names: Any = NAMES, **params: Any) -> list[list[int]]:
    """The tokens of each picture's text, all decoded as one batch."""
    model = engine.get(net)
    return [raw[0].tolist() for raw in model.infer([prepared(engine, model, name, **params) for name in names])]


@each_layout
def test_the_likeliest_tokens(engine: Engine, net: str) -> None:
    wanted = answers(net)
    found = written(engine, net, max_new_tokens=TOKENS)
    for name, tokens in zip(NAMES, found, strict=True):
        assert tokens == wanted[name].tolist(), name
        assert len(tokens) >= 200
        assert len(set(tokens)) >= DISTINCT, "the reference repeats itself"
    assert len({tuple(tokens) for tokens in found}) == len(NAMES), "the reference does not look at the picture"


@each_layout
@pytest.mark.parametrize("way", BEAMS)
def test_beams(engine: Engine, net: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, model, wanted = dict(BEAMS[way]), engine.get(net), answers(net)
    own = {k: v for k, v in ask.items() if k not in ("num_beams", "max_new_tokens")}
    monkeypatch.setattr(model, "_options", model._options.model_copy(update=own))
    found = written(engine, net, num_beams=ask["num_beams"], max_new_tokens=ask["max_new_tokens"])
    assert found == [wanted[f"{name}.{way}"].tolist() for name in NAMES]


@each_layout
def test_logits_of_the_reference_own_tokens(engine: Engine, net: str) -> None:
    """The whole text in one step, and token by token through the cache."""
    model, wanted = engine.get(net), answers(net)
    item = prepared(engine, model, NAMES[0])
    states = np.stack([row[0] for row in model._encoder.run([item.tensors])])
    tokens = [model._options.decoder_start_token_id, *wanted[NAMES[0]].tolist()]
    known = wanted[f"{NAMES[0]}.logits"]
    cache = model._decoder.begin({"encoder_hidden_states": states})
    steps = [model._decoder.run({IDS: np.array([[token]])}, cache)[0] for token in tokens[: 20 * len(known) - 19]]
    error = max(float(np.abs(steps[20 * i] - row).max()) for i, row in enumerate(known))
    whole = model._decoder.begin({"encoder_hidden_states": states})
    error = max(error, float(np.abs(model._decoder.run({IDS: np.array([tokens[:21]])}, whole)[0] - known[1]).max()))
    log.info("%s: logits off by %.1e of %.1f", net, error, np.abs(known).max())
    assert error < LOGITS * np.abs(known).max()


@each_layout
def test_a_black_picture_changes_the_text(engine: Engine, net: str) -> None:
    model = engine.get(net)
    item = prepared(engine, model, NAMES[0], max_new_tokens=30)
    (black,) = model.infer([Prepared({k: v * 0 for k, v in item.tensors.items()}, item.geometry, (1, 1), ask=item.ask)])
    assert black[0].tolist() != answers(net)[NAMES[0]][:30].tolist()
