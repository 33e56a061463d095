"""One text in the making: greedy, or sampled. ``beams.py`` keeps several and takes the best."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import numpy as np

from worker_service.engine.generation import scores
from worker_service.engine.generation.options import Ask

Reason = Literal["stop", "length", "gone"]
"""Why a text ended: by its end or a stop string, for want of room, or because nobody waits for it any more."""

Ends = Callable[[list[int]], bool]
"""Whether the generated tokens end in one of the request's stop strings."""


class Step(NamedTuple):
    """Which rows live on, and each one's next token. Empty when the search is over."""

    parents: list[int]
    tokens: list[int]


OVER = Step([], [])


class Search(Protocol):
    """How one request chooses its tokens, out of ``width`` rows of the batch."""

    @property
    def width(self) -> int:
        """Rows that it has in the batch."""
        ...

    def advance(self, logits: scores.Scores) -> Step:
        """Take the logits [width, vocabulary] of its rows."""
        ...

    @property
    def ids(self) -> list[int]:
        """The tokens generated so far, or the best there are; without what ended them."""
        ...

    @property
    def reason(self) -> Reason:
        """Why it is over."""
        ...


class Single:
    """One row: the likeliest token, or one drawn with the request's seed."""

    width = 1

    def __init__(self, prompt: list[int], ask: Ask, ends: Ends) -> None:
        self.ids: list[int] = []
        self.reason: Reason = "length"
        self._prompt, self._ask, self._ends = prompt, ask, ends
        self._random = np.random.default_rng(ask.seed)

    def advance(self, logits: scores.Scores) -> Step:
        """One token more."""
        ask = self._ask
        ready = scores.processed(logits[0], [*self._prompt, *self.ids], len(self.ids), ask)
        token = scores.drawn(ready, ask, self._random) if ask.temperature else int(ready.argmax())
        if token in ask.eos:
            self.reason = "stop"
            return OVER
        self.ids.append(token)
        if self._ends(self.ids):
            self.reason = "stop"
            return OVER
        return OVER if len(self.ids) >= ask.max_new_tokens else Step([0], [token])
