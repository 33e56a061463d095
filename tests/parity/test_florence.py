"""Florence-2 against transformers: prompts, tokens of five pictures, logits, and how texts with places are read."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from tests.parity import florence, pictures
from tests.parity.foundation import FOLDER
from tests.parity.generation import TOKENS
from worker_service.engine import places
from worker_service.engine.engine import Engine
from worker_service.engine.family import Prepared
from worker_service.settings import EngineSettings

log = logging.getLogger(__name__)
LOGITS = 1e-4
NAMES = pictures.NAMES[:5]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))


@pytest.fixture(scope="module")
def wanted() -> dict[str, Any]:
    with np.load(FOLDER / "florence2" / "answers.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    known: dict[str, Any] = json.loads((FOLDER / "florence2" / "reference.json").read_bytes())
    return known


def prepared(engine: Engine, **params: Any) -> list[Prepared]:
    model, items = engine.get("florence2"), []
    for name, prompt in zip(NAMES, florence.PROMPTS, strict=True):
        checked = model.params({"prompt": prompt, **params})
        items.append(model.preprocess(engine.decode(pictures.read(name), checked), checked))
    return items


def test_the_likeliest_tokens_of_prompts_of_all_lengths_at_once(engine: Engine, wanted: dict[str, Any]) -> None:
    found = [raw[0].tolist() for raw in engine.get("florence2").infer(prepared(engine, max_new_tokens=TOKENS))]
    for name, tokens in zip(NAMES, found, strict=True):
        assert tokens == wanted[name].tolist(), name
        assert len(tokens) >= 200
        assert len(set(tokens)) > 20, "the reference repeats itself"
    alone = engine.get("florence2").infer(prepared(engine, max_new_tokens=30)[:1])
    assert alone[0][0].tolist() == found[0][:30]


def test_three_beams(engine: Engine, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = engine.get("florence2")
    own = {"no_repeat_ngram_size": 3, "early_stopping": True}
    monkeypatch.setattr(model, "_options", model._options.model_copy(update=own))
    found = model.infer(prepared(engine, num_beams=3, max_new_tokens=60))
    assert [raw[0].tolist() for raw in found] == [wanted[f"{name}.beams"].tolist() for name in NAMES]


def test_logits_of_the_reference_own_tokens(engine: Engine, wanted: dict[str, Any]) -> None:
    model: Any = engine.get("florence2")
    worst = 0.0
    for name, item in zip(NAMES, prepared(engine), strict=True):
        seen = np.stack([row[0] for row in model._vision.run([item.tensors])])
        embeds, mask = model._joined(seen, [item.ask.ids])
        states = model._encoder.run({"inputs_embeds": embeds, "attention_mask": mask})[0]
        cache = model._decoder.begin({"encoder_hidden_states": states, "encoder_attention_mask": mask})
        known, tokens = wanted[f"{name}.logits"], [2, *wanted[name].tolist()]
        for at, token in enumerate(tokens[: 20 * len(known) - 19]):
            logits = model._decoder.run({"inputs_embeds": model._embedded(np.array([[token]]))}, cache)[0]
            if at % 20 == 0:
                worst = max(worst, float(np.abs(logits - known[at // 20]).max()))
        scale = np.abs(known).max()
    log.info("logits off by %.1e of %.1f", worst, scale)
    assert worst < LOGITS * scale


def test_a_black_picture_changes_the_text(engine: Engine, wanted: dict[str, Any]) -> None:
    item = prepared(engine, max_new_tokens=30)[0]
    black = Prepared({k: v * 0 for k, v in item.tensors.items()}, item.geometry, item.image, ask=item.ask)
    assert engine.get("florence2").infer([black])[0][0].tolist() != wanted[NAMES[0]][:30].tolist()


@pytest.mark.parametrize("task", florence.TASKS)
def test_words_of_tasks(task: str, reference: dict[str, Any]) -> None:
    asked = places.asked(task if task in places.ALONE else task + " x y")
    assert (asked.task, [asked.words]) == (task, reference["prompts"][task])
    assert set(places.tasks()) == set(florence.TASKS)


@pytest.mark.parametrize("task", florence.TASKS)
def test_places_are_read_as_by_the_reference(task: str, reference: dict[str, Any]) -> None:
    for text, answers in zip(florence.texts(), reference["read"][task], strict=True):
        for size, answer in zip(florence.SIZES, answers, strict=True):
            assert places.read(task, places.plain(text), size) == answer, text


def test_a_long_text_is_read_in_no_time() -> None:
    for piece in ("word ", "<", "<loc_1>", "<loc_1>a", "<poly>", "<loc_7><loc_8><loc_9>x"):
        for task in florence.TASKS:
            places.read(task, piece * 20_000, (640, 480))


def test_answers_stand_under_their_task(engine: Engine) -> None:
    answers = engine.infer("florence2", [pictures.read(NAMES[0])], {"prompt": "<OD>", "max_new_tokens": 20})
    output: Any = answers[0].to_dict()
    assert set(output["response"]["<OD>"]) == {"bboxes", "labels"}
    assert output["tokens"] == 20
    (free,) = engine.infer("florence2", [pictures.read(NAMES[0])], {"prompt": "what is it?", "max_new_tokens": 5})
    assert isinstance(free.to_dict()["response"], str)
    with pytest.raises(InvalidRequest, match="stands alone"):
        engine.infer("florence2", [pictures.read(NAMES[0])], {"prompt": "<OD> cars"})
