"""Beam search as transformers does it, so that the same graph answers the same text.

Of all continuations of the living beams, the best few are looked at: those that end become candidates, ranked by their
log probability divided by (length ** length_penalty); the best of the others live on. It is over when no living beam
can become better than the worst candidate, when there are enough candidates and ``early_stopping`` is set, or for want
of room.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from worker_service.engine.generation import scores
from worker_service.engine.generation.options import Ask
from worker_service.engine.generation.search import OVER, Ends, Reason, Step

IMPOSSIBLE = np.float32(-1e9)


class Candidate(NamedTuple):
    """A finished text and its rank."""

    score: float
    ids: list[int]
    reason: Reason


class Beams:
    """Several rows of one request."""

    def __init__(self, prompt: list[int], ask: Ask, ends: Ends) -> None:
        self.width = ask.beams
        self._prompt, self._ask, self._ends = prompt, ask, ends
        self._rows: list[list[int]] = [[] for _ in range(ask.beams)]
        self._scores = np.full(ask.beams, IMPOSSIBLE, np.float32)
        self._scores[0] = 0  # all begin alike: only the first may branch out
        self._finished: list[Candidate] = []

    @property
    def ids(self) -> list[int]:
        """The best finished text, else the best living beam."""
        return self._finished[0].ids if self._finished else self._rows[0]

    @property
    def reason(self) -> Reason:
        """Why the best one ended."""
        return self._finished[0].reason if self._finished else "length"

    def advance(self, logits: scores.Scores) -> Step:
        """One token more for every living beam."""
        ask, new = self._ask, len(self._rows[0])
        rows = [
            scores.processed(scores.log_softmax(row), [*self._prompt, *ids], new, ask)
            for row, ids in zip(logits, self._rows, strict=True)
        ]
        total = (np.stack(rows) + self._scores[:, None]).astype(np.float32).ravel()
        kept = max(2, 1 + len(ask.eos)) * self.width
        top = _best(total, kept)
        found = [(float(total[at]), *divmod(int(at), logits.shape[1])) for at in top]
        ended = [self._ended([*self._rows[parent], token]) for _, parent, token in found]
        living = [one for one, reason in zip(found, ended, strict=True) if reason is None][: self.width]
        self._finish([(*one, reason) for one, reason in zip(found, ended, strict=True)][: self.width], new + 1)
        if not living:
            return OVER
        while len(living) < self.width:  # fewer tokens than beams: the last is carried along and cannot win
            living.append((float(IMPOSSIBLE), *living[-1][1:]))
        self._rows = [[*self._rows[parent], token] for _, parent, token in living]
        self._scores = np.array([score for score, _, _ in living], np.float32)
        if self._over(new + 1):
            return OVER
        return Step([parent for _, parent, _ in living], [token for _, _, token in living])

    def _ended(self, ids: list[int]) -> Reason | None:
        if ids[-1] in self._ask.eos or self._ends(ids):
            return "stop"
        return "length" if len(ids) >= self._ask.max_new_tokens else None

    def _finish(self, found: list[tuple[float, int, int, Reason | None]], length: int) -> None:
        """Rank what has ended now among what ended before."""
        for score, parent, token, reason in found:
            if reason is not None:
                ids = [*self._rows[parent], token]
                ids = ids[:-1] if token in self._ask.eos else ids
                self._finished.append(Candidate(score / length**self._ask.length_penalty, ids, reason))
        self._finished = sorted(self._finished, key=lambda one: -one.score)[: self.width]

    def _over(self, length: int) -> bool:
        """Whether nothing can become better; ``length`` is that of the living beams."""
        ask = self._ask
        if len(self._finished) < self.width:
            return False
        longest = ask.early_stopping == "never" and ask.length_penalty > 0
        best = float(self._scores[0]) / (ask.max_new_tokens if longest else length) ** ask.length_penalty
        return ask.early_stopping is True or best <= self._finished[-1].score


def _best(total: scores.Scores, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Indices of the greatest values, greatest first; among equals the first."""
    count = min(count, len(total))
    some = np.argpartition(-total, count - 1)[:count]
    return some[np.lexsort((some, -total[some]))]
