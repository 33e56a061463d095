"""A text as its tokens come: pieces that are certain, and stop strings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from worker_service.engine.family import Watch

Read = Callable[[Sequence[int]], str]
"""Token ids to text."""

UNFINISHED = "\ufffd"
"""What stands for bytes of a character whose others have not come yet."""


def cut(text: str, stop: Sequence[str]) -> str:
    """The text up to the first stop string in it."""
    places = [at for string in stop if (at := text.find(string)) >= 0]
    return text[: min(places)] if places else text


class Reader:
    """Says what is certain, and whether a stop string has come.

    Only the tokens since the last certain piece are read anew, with those of the piece before: what a token looks like
    depends on the one before it.
    """

    def __init__(self, read: Read, stop: Sequence[str], watch: Watch) -> None:
        self._read, self._stop, self._watch = read, stop, watch
        self._text, self._told = "", 0
        self._known, self._before = 0, 0

    def ends(self, ids: list[int]) -> bool:
        """Take the tokens so far, one more than the last time; True when a stop string is complete."""
        old = self._read(ids[self._before : self._known])
        new = self._read(ids[self._before :])
        if len(new) > len(old) and not new.endswith(UNFINISHED):
            self._text += new[len(old) :]
            self._before, self._known = self._known, len(ids)
        text = cut(self._text, self._stop)
        if len(text) < len(self._text):
            self._tell(text)
            return True
        self._tell(self._text[: len(self._text) - self._held()])
        return False

    def close(self, text: str) -> None:
        """Say the rest of the finished text."""
        self._tell(text)

    def _held(self) -> int:
        """Characters at the end that may be the beginning of a stop string."""
        return max((n for s in self._stop for n in range(1, len(s)) if self._text.endswith(s[:n])), default=0)

    def _tell(self, text: str) -> None:
        if len(text) > self._told:
            self._watch.said(text[self._told :])
            self._told = len(text)
