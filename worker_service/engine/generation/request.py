"""One text to generate: what was asked for, its search, and what came out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worker_service.engine.family import WATCH, Watch
from worker_service.engine.generation.beams import Beams
from worker_service.engine.generation.decoder import Array
from worker_service.engine.generation.options import Ask
from worker_service.engine.generation.reader import Read, Reader, cut
from worker_service.engine.generation.search import Reason, Search, Single, Step


@dataclass(frozen=True, eq=False)
class Request:
    """What its row begins with, how to choose, and who waits.

    ``embeds`` [length, size] is fed for the prompt where its tokens alone do not say what the model sees. ``search``
    makes a way of choosing of the family's own. Where the decoder tells more than logits, ``vocabulary`` of them are.
    """

    prompt: list[int]
    ask: Ask
    watch: Watch = WATCH
    embeds: Array | None = None
    search: Callable[[], Search] | None = None
    vocabulary: int | None = None


@dataclass(frozen=True)
class Generated:
    """A text's tokens, without those that ended it; ``text`` ends before the stop string."""

    ids: list[int]
    text: str
    reason: Reason


class Run:
    """One request's search and reader."""

    def __init__(self, request: Request, read: Read) -> None:
        self.request = request
        self._stop, self._read = request.ask.stop, read
        self._reader = Reader(read, request.ask.stop, request.watch)
        self.left = False
        if request.search is not None:
            self.search: Search = request.search()
        elif request.ask.beams > 1:  # beams overtake one another, so nothing is certain before the end
            self.search = Beams(request.prompt, request.ask, self._has_stop)
        else:
            self.search = Single(request.prompt, request.ask, self._reader.ends)

    def _has_stop(self, ids: list[int]) -> bool:
        return bool(self._stop) and any(string in self._read(ids) for string in self._stop)

    def advance(self, logits: Array) -> Step:
        """The search's next step; none when nobody waits."""
        if self.request.watch.gone():
            self.left = True
            return Step([], [])
        return self.search.advance(logits if self.request.search else logits[:, : self.request.vocabulary])

    def finished(self) -> Generated:
        """What has come out."""
        ids = self.search.ids
        text = cut(self._read(ids), self._stop)
        if not self.left:
            self._reader.close(text)
        return Generated(ids, text, "gone" if self.left else self.search.reason)
