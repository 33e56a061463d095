"""The generation loop: the requests of one batch decode together, each in its own way and to its own end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from worker_service.engine.family import WATCH, Watch
from worker_service.engine.generation.beams import Beams
from worker_service.engine.generation.decoder import IDS, Array, Decoder
from worker_service.engine.generation.options import Ask
from worker_service.engine.generation.reader import Read, Reader, cut
from worker_service.engine.generation.search import Reason, Search, Single, Step

Embed = Callable[[Array], Mapping[str, Array]]
"""Token ids [rows, length] to the decoder's feeds."""


@dataclass(frozen=True)
class Request:
    """One text to generate: what its row begins with, how to choose, and who waits."""

    prompt: list[int]
    ask: Ask
    watch: Watch = WATCH


@dataclass(frozen=True)
class Generated:
    """A text's tokens, without those that ended it; ``text`` ends before the stop string."""

    ids: list[int]
    text: str
    reason: Reason


class Run:
    """One request's search and reader."""

    def __init__(self, request: Request, read: Read) -> None:
        self.watch, self._stop, self._read = request.watch, request.ask.stop, read
        self._reader = Reader(read, request.ask.stop, request.watch)
        self.left = False
        if request.ask.beams > 1:  # beams overtake one another, so nothing is certain before the end
            self.search: Search = Beams(request.prompt, request.ask, self._has_stop)
        else:
            self.search = Single(request.prompt, request.ask, self._reader.ends)

    def _has_stop(self, ids: list[int]) -> bool:
        return bool(self._stop) and any(string in self._read(ids) for string in self._stop)

    def advance(self, logits: Array) -> Step:
        """The search's next step; none when nobody waits."""
        if self.watch.gone():
            self.left = True
            return Step([], [])
        return self.search.advance(logits)

    def finished(self) -> Generated:
        """What has come out."""
        ids = self.search.ids
        text = cut(self._read(ids), self._stop)
        if not self.left:
            self._reader.close(text)
        return Generated(ids, text, "gone" if self.left else self.search.reason)


def tokens(ids: Array) -> Mapping[str, Array]:
    """The feeds of a decoder that takes ids."""
    return {IDS: ids}


def generate(
    decoder: Decoder, requests: Sequence[Request], given: Mapping[str, Array], read: Read, embed: Embed = tokens
) -> list[Generated]:
    """Decode all requests as one batch; rows that are done leave it.

    Args:
        decoder: the graphs.
        requests: prompts of one length; beams make rows of their own.
        given: what the decoder is fed in every step, one row per request.
        read: token ids to text.
        embed: token ids to what the decoder is fed instead, where it is not the ids.

    Raises:
        InferenceFailed: a step failed.
    """
    runs = [Run(request, read) for request in requests]
    owners = [i for i, run in enumerate(runs) for _ in range(run.search.width)]
    cache = decoder.begin({name: array[owners] for name, array in given.items()})
    ids = np.array([requests[owner].prompt for owner in owners], np.int64)
    while owners:
        logits = decoder.run(embed(ids), cache)
        rows, chosen, following = _advance(runs, owners, logits)
        if not rows:
            break
        if rows != list(range(len(owners))):
            cache.pick(rows, decoder.then, moved=following != owners)
        ids, owners = np.array(chosen, np.int64)[:, None], following
    return [run.finished() for run in runs]


def _advance(runs: Sequence[Run], owners: Sequence[int], logits: Array) -> tuple[list[int], list[int], list[int]]:
    """Rows that go on, their next tokens, and whose they are."""
    rows: list[int] = []
    chosen: list[int] = []
    following: list[int] = []
    for owner, start, stop in _spans(owners):
        step = runs[owner].advance(logits[start:stop])
        rows += [start + parent for parent in step.parents]
        chosen += step.tokens
        following += [owner] * len(step.tokens)
    return rows, chosen, following


def _spans(owners: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Each owner with its first row and the one behind its last."""
    start = 0
    for stop in range(1, len(owners) + 1):
        if stop == len(owners) or owners[stop] != owners[start]:
            yield owners[start], start, stop
            start = stop
