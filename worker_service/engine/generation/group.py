"""Rows that take their steps together: those of requests that began as one, and of those that joined since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from worker_service.engine.generation.decoder import MASK, POSITIONS, Array, Decoder
from worker_service.engine.generation.request import Run

Embed = Callable[[Array], Mapping[str, Array]]
"""Token ids [rows, length] to the decoder's feeds."""


class Group:
    """The first step reads the prompts, each further one a token of every row."""

    def __init__(
        self, decoder: Decoder, runs: Sequence[Run], feeds: Mapping[str, Array], given: Mapping[str, Array]
    ) -> None:
        """``feeds`` (of the prompts) and ``given`` have one row for each run; beams make rows of their own."""
        rows = [i for i, run in enumerate(runs) for _ in range(run.search.width)]
        self.runs = [runs[row] for row in rows]
        self._decoder = decoder
        self._cache = decoder.begin({name: array[rows] for name, array in given.items()})
        self._feeds: Mapping[str, Array] = {name: array[rows] for name, array in feeds.items()}
        self._lengths = [0] * len(rows)  # places of each row's past that count; they are the last ones

    def step(self, embed: Embed) -> None:
        """One token more for all rows; those that are done leave. Raises InferenceFailed."""
        new = next(iter(self._feeds.values())).shape[1]
        logits = self._decoder.run({**self._feeds, **self._places(new)}, self._cache)
        lengths = [length + new for length in self._lengths]
        rows, chosen, following = _advance(self.runs, logits)
        self._lengths = [lengths[row] for row in rows]
        if not rows:
            self.runs = []
            return
        if rows != list(range(len(self.runs))):
            cut = max(lengths) - max(self._lengths)
            self._cache.pick(rows, self._decoder.then, moved=following != self.runs, cut=cut)
        self.runs, self._feeds = following, embed(np.array(chosen, np.int64)[:, None])

    def join(self, other: Group) -> None:
        """Take over the rows of another group; both have read their prompts, and the decoder ``pads``."""
        width = max(*self._lengths, *other._lengths)
        self._cache.join(other._cache, width, self._decoder.then)
        self._feeds = {k: np.concatenate([array, other._feeds[k]]) for k, array in self._feeds.items()}
        self._lengths += other._lengths
        self.runs += other.runs

    def _places(self, new: int) -> Mapping[str, Array]:
        """Which places count, past ones and new ones, and the numbers of the new ones."""
        lengths = np.array(self._lengths)[:, None]
        width = max(self._lengths)
        mask = np.arange(width + new)[None] >= width - lengths
        positions = lengths + np.arange(new)[None] + self._decoder.first_position
        return {MASK: mask.astype(np.int64), POSITIONS: positions.astype(np.int64)}


def _advance(runs: Sequence[Run], logits: Array) -> tuple[list[int], list[int], list[Run]]:
    """Rows that go on, their next tokens, and whose they are."""
    rows: list[int] = []
    chosen: list[int] = []
    following: list[Run] = []
    for run, start, stop in _spans(runs):
        step = run.advance(logits[start:stop])
        rows += [start + parent for parent in step.parents]
        chosen += step.tokens
        following += [run] * len(step.tokens)
    return rows, chosen, following


def _spans(runs: Sequence[Run]) -> Iterator[tuple[Run, int, int]]:
    """Each run with its first row and the one behind its last."""
    start = 0
    for stop in range(1, len(runs) + 1):
        if stop == len(runs) or runs[stop] is not runs[start]:
            yield runs[start], start, stop
            start = stop
