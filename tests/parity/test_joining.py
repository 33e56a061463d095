"""Texts that join a run on its way are those that they are alone, in groups or as one batch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity import pictures, vlm
from tests.parity.foundation import FOLDER
from worker_service.engine.engine import Engine
from worker_service.engine.family import Prepared
from worker_service.settings import EngineSettings

ASKS: tuple[dict[str, Any], ...] = (
    {"max_new_tokens": 30},
    {"max_new_tokens": 12},
    {"max_new_tokens": 25, "num_beams": 3},
    {"max_new_tokens": 40, "temperature": 0.8, "seed": 5},
    {"max_new_tokens": 7},
)
JOINS = {0: [0], 5: [1, 2], 9: [3], 20: [4]}
"""Step to who joins before it."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))


@pytest.mark.parametrize("net", ["smolvlm", "paligemma", "trocr-merged"])
def test_who_joins_writes_what_it_writes_alone(engine: Engine, net: str) -> None:
    model: Any = engine.get(net)
    items: list[Prepared] = []
    for name, prompt, ask in zip(pictures.NAMES[:5], vlm.PROMPTS, ASKS, strict=True):
        params = model.params({"prompt": prompt, **ask})
        items.append(model.preprocess(engine.decode(pictures.read(name), params), params))
    alone = [model.infer([item])[0][0].tolist() for item in items]
    number = {id(item): i for i, item in enumerate(items)}
    run, found, order, step = model.open(), dict[int, list[int]](), list[int](), 0
    while run or step <= max(JOINS):
        if step in JOINS:
            run.add([items[i] for i in JOINS[step]])
        for item, raw in run.step():
            found[number[id(item)]] = raw[0].tolist()
            order.append(number[id(item)])
        step += 1
    assert [found[i] for i in range(len(items))] == alone
    assert order.index(1) < order.index(0), "the shorter text waited for the longer one"
