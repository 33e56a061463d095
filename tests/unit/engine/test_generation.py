"""The generation loop on a small net: stop strings, seeds, room, pieces of text, several ways in one batch, gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from shared.errors import DeadlineExceeded, InvalidRequest, ModelLoadFailed
from tests.parity import pictures
from tests.parity.foundation import FOLDER
from tests.unit.engine import examples
from worker_service.engine.engine import Engine
from worker_service.engine.family import Prepared, Watch
from worker_service.engine.format import Wanted, propose
from worker_service.engine.generation import scores
from worker_service.engine.generation.options import Ask
from worker_service.engine.generation.reader import Reader, cut
from worker_service.engine.manifest import InputSpec
from worker_service.engine.text_results import ReadText
from worker_service.settings import EngineSettings

WIDE, ODD = pictures.NAMES[0], pictures.NAMES[2]
EOS = frozenset({2})


class Ear(Watch):
    """Hears everything, and goes after so many steps."""

    def __init__(self, steps: int = 10_000) -> None:
        self.pieces: list[str] = []
        self.steps = steps

    @override
    def gone(self) -> bool:
        self.steps -= 1
        return self.steps < 0

    @override
    def said(self, text: str) -> None:
        self.pieces.append(text)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineSettings(model_dirs=(FOLDER,), intra_op_threads=1, warm_up=False))


def ready(engine: Engine, name: str = WIDE, watch: Watch | None = None, **params: Any) -> Prepared:
    model = engine.get("trocr-merged")
    checked = model.params(params)
    item = model.preprocess(engine.decode(pictures.read(name), checked), checked)
    item.watch = watch or item.watch
    return item


def texts(engine: Engine, *items: Prepared) -> list[ReadText]:
    model = engine.get("trocr-merged")
    params = model.params({})
    results = [model.postprocess(raw, item, params) for raw, item in zip(model.infer(items), items, strict=True)]
    assert all(isinstance(result, ReadText) for result in results)
    return results  # type: ignore[return-value]


def test_room_is_what_was_asked_for(engine: Engine) -> None:
    (found,) = texts(engine, ready(engine, max_new_tokens=7))
    assert found.generated == {"tokens": 7, "finish_reason": "length"}
    (most,) = texts(engine, ready(engine, max_new_tokens=4096))
    assert most.generated["tokens"] <= 255  # positions of the net, less the start


def test_a_stop_string_ends_the_text_before_it(engine: Engine) -> None:
    (whole,) = texts(engine, ready(engine, max_new_tokens=60))
    stop = whole.text[8:11]
    ear = Ear()
    (found,) = texts(engine, ready(engine, watch=ear, max_new_tokens=60, stop=[stop]))
    assert whole.text[:8].startswith(found.text)
    assert stop not in found.text
    assert found.generated["finish_reason"] == "stop"
    assert "".join(ear.pieces).strip() == found.text
    (beams,) = texts(engine, ready(engine, max_new_tokens=60, num_beams=2, stop=[stop]))
    assert stop not in beams.text


def test_pieces_make_the_text(engine: Engine) -> None:
    ears = [Ear(), Ear()]
    items = [ready(engine, name, ear, max_new_tokens=80) for name, ear in zip((WIDE, ODD), ears, strict=True)]
    for found, ear in zip(texts(engine, *items), ears, strict=True):
        assert "".join(ear.pieces).strip() == found.text
        assert len(ear.pieces) > 10


def test_several_ways_in_one_batch(engine: Engine) -> None:
    ways: list[dict[str, Any]] = [
        {"max_new_tokens": 50},
        {"max_new_tokens": 9},
        {"max_new_tokens": 30, "num_beams": 3},
        {"max_new_tokens": 40, "temperature": 0.8, "seed": 5, "top_k": 20, "top_p": 0.9},
        {"max_new_tokens": 20, "num_beams": 2},
    ]
    items = [ready(engine, name, **way) for way in ways for name in (WIDE, ODD)]
    together = [found.text for found in texts(engine, *items)]
    assert together == [texts(engine, item)[0].text for item in items]


def test_a_seed_draws_the_same_text(engine: Engine) -> None:
    asks = [{"temperature": 2.0, "seed": seed, "max_new_tokens": 20} for seed in (1, 1, 2)]
    one, same, other = texts(engine, *(ready(engine, **ask) for ask in asks))
    assert one.text == same.text != other.text


def test_a_text_that_nobody_waits_for_is_given_up(engine: Engine) -> None:
    ear, other = Ear(steps=5), Ear()
    items = [ready(engine, watch=ear, max_new_tokens=200), ready(engine, ODD, other, max_new_tokens=30)]
    model = engine.get("trocr-merged")
    raws = model.infer(items)
    assert len(raws[0][0]) == 5
    with pytest.raises(DeadlineExceeded):
        model.postprocess(raws[0], items[0], model.params({}))
    assert len(raws[1][0]) == 30


def test_parameters_are_checked(engine: Engine) -> None:
    model = engine.get("trocr-merged")
    for bad in (
        {"max_new_tokens": 0},
        {"num_beams": 99},
        {"temperature": -1},
        {"stop": [""]},
        {"top_p": 0},
        {"seed": -1},
    ):
        with pytest.raises(InvalidRequest):
            model.params(bad)


def test_a_folder_that_says_too_little_is_refused(tmp_path: Path) -> None:
    folder = examples.model(tmp_path / "m", "trocr", "ocr")
    manifest = json.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_text(json.dumps({k: v for k, v in manifest.items() if k != "generation"}))
    with pytest.raises(ModelLoadFailed, match="eos_token_id"):
        Engine(EngineSettings(model_dirs=(tmp_path,))).get("m")


def test_rules_of_scores() -> None:
    flat = np.array([0.0, 2.0, 1.0, -1.0], np.float32)
    repeated = scores.processed(flat, [1, 2, 1], 3, Ask(EOS, 9, no_repeat=2))
    assert np.isneginf(repeated).tolist() == [False, False, True, False]  # "1 2" has been
    punished = scores.processed(flat, [1, 3], 2, Ask(EOS, 9, repetition_penalty=2.0))
    assert punished.tolist() == [0.0, 1.0, 1.0, -2.0]
    assert int(scores.processed(flat, [0], 0, Ask(EOS, 9, forced_first=3)).argmax()) == 3
    assert int(scores.processed(flat, [0], 8, Ask(EOS, 9, forced_last=2)).argmax()) == 2


@pytest.mark.parametrize(
    ("ask", "allowed"),
    [({"top_k": 2}, {1, 2}), ({"top_p": 0.5}, {1}), ({"top_k": 1}, {1}), ({}, {0, 1, 2, 3})],
    ids=str,
)
def test_draws(ask: dict[str, Any], allowed: set[int]) -> None:
    flat, random = np.array([0.0, 2.0, 1.0, -1.0], np.float32), np.random.default_rng(3)
    drawn = [scores.drawn(flat, Ask(EOS, 9, temperature=1.0, **ask), random) for _ in range(2000)]
    assert set(drawn) == allowed
    if len(allowed) == 4:
        chances = np.exp(flat) / np.exp(flat).sum()
        assert np.abs(np.bincount(drawn) / 2000 - chances).max() < 0.04


def test_a_character_of_several_tokens_is_told_whole() -> None:
    data = "naïve 🙂 x".encode()
    ear = Ear()
    reader = Reader(lambda ids: bytes(ids).decode(errors="replace"), (), ear)
    for end in range(1, len(data) + 1):
        assert not reader.ends(list(data[:end]))
    assert "".join(ear.pieces) == "naïve 🙂 x"
    assert not any("\ufffd" in piece for piece in ear.pieces)


def test_what_may_begin_a_stop_string_is_held_back() -> None:
    ear = Ear()
    reader = Reader(lambda ids: bytes(ids).decode(), ("END",), ear)
    ends = [reader.ends(list(b"an ENd and END"[:n])) for n in range(1, 15)]
    assert ends == [False] * 13 + [True]
    assert "".join(ear.pieces) == "an ENd and "
    assert cut("an ENd and END", ("END", "x")) == "an ENd and "


@pytest.mark.parametrize("net", ["trocr", "trocr-merged", "florence2"])
def test_a_folder_of_graphs_is_recognised(net: str, tmp_path: Path) -> None:
    """As optimum and the hub lay them out, with generation_config.json in place of our model.json."""
    known = json.loads((FOLDER / net / "model.json").read_bytes())
    (tmp_path / "export" / "onnx").mkdir(parents=True)
    for file in (FOLDER / net).iterdir():
        if file.suffix == ".onnx":
            shutil.copyfile(file, tmp_path / "export" / "onnx" / file.name)
    shutil.copyfile(FOLDER / net / "tokenizer.json", tmp_path / "export" / "tokenizer.json")
    (tmp_path / "export" / "generation_config.json").write_text(json.dumps(known["generation"]))
    proposal = propose(tmp_path / "export", Wanted(net))
    manifest = proposal.manifest
    assert (manifest.family, manifest.task) == (known["family"], known["task"])
    assert {**manifest.input.model_dump(), "scale": 0} == {
        **InputSpec.model_validate(known["input"]).model_dump(),
        "scale": 0,
    }
    (tmp_path / "models" / net).mkdir(parents=True)
    for name, file in proposal.files.items():
        shutil.copyfile(file, tmp_path / "models" / net / name)
    (tmp_path / "models" / net / "model.json").write_text(manifest.model_dump_json(exclude_none=True))
    added, kept = (
        Engine(EngineSettings(model_dirs=(folder,), intra_op_threads=1)) for folder in (tmp_path / "models", FOLDER)
    )
    answers = [one.infer(net, [pictures.read(WIDE)], {"max_new_tokens": 20})[0] for one in (added, kept)]
    assert answers[0].to_dict() == answers[1].to_dict()


def test_a_text_that_the_tokenizer_has_no_tokens_for(engine: Engine) -> None:
    (found,) = engine.infer("clip", ["\u0416\u4e00 a text"])
    assert not isinstance(found, Exception) or found.code == "invalid_request"  # type: ignore[union-attr]
