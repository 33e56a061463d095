"""Texts to token ids, by the ``tokenizer.json`` of the model's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.params import MOST_CHARACTERS

FILE = "tokenizer.json"


class Tokenizer:
    """Hugging Face's ``tokenizers`` and nothing else: no code of the model is run."""

    def __init__(self, package: Package) -> None:
        """Raises ModelLoadFailed when there is no tokenizer, or one that cannot be read."""
        if FILE not in package.manifest.files:
            raise ModelLoadFailed(
                f"Model {package.manifest.id} reads texts; 'files' in its model.json lists no {FILE}."
            )
        self._tokenizer = _open(package.root / FILE)

    def ids(self, text: str) -> list[int]:
        """Ids with the special tokens that the tokenizer adds. Raises InvalidRequest for what it cannot split."""
        return self._split(text, special=True)

    def plain(self, text: str) -> list[int]:
        """Ids without special tokens around them. Raises InvalidRequest for what it cannot split."""
        return self._split(text, special=False)

    def _split(self, text: str, *, special: bool) -> list[int]:
        if len(text) > MOST_CHARACTERS:
            raise InvalidRequest(f"A text has at most {MOST_CHARACTERS} characters, not {len(text)}.")
        try:
            found: list[int] = self._tokenizer.encode(text, add_special_tokens=special).ids
        except Exception as error:  # the library raises Exception itself
            raise InvalidRequest("The model's tokenizer has no tokens for this text.") from error
        return found

    def text(self, ids: Sequence[int], *, special: bool = False) -> str:
        """The text of the ids; with ``special``, its special tokens stay in it."""
        found: str = self._tokenizer.decode(list(ids), skip_special_tokens=not special)
        return found

    def placed(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The same, and where each token begins and ends in the text; those that were added are empty."""
        if len(text) > MOST_CHARACTERS:
            raise InvalidRequest(f"A text has at most {MOST_CHARACTERS} characters, not {len(text)}.")
        encoded = self._tokenizer.encode(text)
        return list(encoded.ids), list(encoded.offsets)

    def numbers(self, *tokens: str) -> list[int]:
        """Ids of tokens that the tokenizer has."""
        found = [self._tokenizer.token_to_id(token) for token in tokens]
        return [number for number in found if number is not None]


def padded(ids: Sequence[int], length: int) -> npt.NDArray[np.int64]:
    """[length] numbers, filled up with zeros; too many lose what is before the last, which ends the text."""
    kept = ids if len(ids) <= length else [*ids[: length - 1], ids[-1]]
    return np.array([*kept, *[0] * (length - len(kept))], np.int64)


def _open(path: Path) -> Any:
    from tokenizers import Tokenizer as Rust  # noqa: PLC0415 - only models that read texts need it

    try:
        tokenizer = Rust.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise ModelLoadFailed(f"{FILE} cannot be read.") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
