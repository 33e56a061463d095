"""Texts are split as other implementations split them: five hundred nasty ones, for three kinds of tokenisers."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.parity import nasty
from worker_service.engine.artifacts import Package
from worker_service.engine.manifest import Manifest
from worker_service.engine.tokens import FILE, Tokenizer

FOLDER = Path(__file__).parent / "splitting"
MOST_DIFFERENT = {"bert": 0, "clip": 0, "unigram": 40}
"""Texts that the ``tokenizers`` library itself splits otherwise than SentencePiece: ties, half-width voiced kana."""


def opened(kind: str, folder: Path) -> Tokenizer:
    shutil.copyfile(FOLDER / f"{kind}.json", folder / FILE)
    files = {FILE: hashlib.sha256((folder / FILE).read_bytes()).hexdigest()}
    manifest: dict[str, Any] = {"id": kind, "task": "x", "input": {"width": 1, "height": 1}, "files": files}
    return Tokenizer(Package(Manifest.model_validate(manifest), folder))


@pytest.mark.parametrize("kind", MOST_DIFFERENT)
def test_nasty_texts(kind: str, tmp_path: Path) -> None:
    texts, known = nasty.texts(), json.loads((FOLDER / "answers.json").read_bytes())[kind]
    assert len(texts) == nasty.COUNT == len(known["ids"])
    assert len(known["differ"]) <= MOST_DIFFERENT[kind]
    tokenizer = opened(kind, tmp_path)
    wrong = [text for text, ids in zip(texts, known["ids"], strict=True) if tokenizer.ids(text) != ids]
    assert wrong == [texts[i] for i in known["differ"]]


def test_long_texts_are_not_cut_and_not_filled_up(tmp_path: Path) -> None:
    tokenizer = opened("bert", tmp_path)
    assert len(tokenizer.ids("a " * 5000)) == 5002
    assert tokenizer.plain("a") == tokenizer.ids("a")[1:-1]
