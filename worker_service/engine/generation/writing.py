"""A model that writes, as a run of many steps that others may join."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from worker_service.engine.family import Prepared, Raw
from worker_service.engine.generation.decoder import Array
from worker_service.engine.generation.loop import Loop, Request
from worker_service.engine.generation.outcome import packed

Begin = Callable[[Sequence[Prepared]], tuple[list[Request], Mapping[str, Array]]]
"""Items to their requests, and what the decoder is given in every step."""


class Writing:
    """Items on their way to a text, by the loop of their model."""

    def __init__(self, loop: Loop, begin: Begin) -> None:
        self._loop, self._begin = loop, begin
        self._items: dict[int, tuple[Request, Prepared]] = {}  # the request itself, so that none gets its id

    def __len__(self) -> int:
        """Items that are not done."""
        return len(self._loop)

    def add(self, batch: Sequence[Prepared]) -> None:
        """See the images of these items and take them up. Raises InferenceFailed; those before stay as they are."""
        requests, given = self._begin(batch)
        self._loop.add(requests, given)
        self._items |= {id(one[0]): one for one in zip(requests, batch, strict=True)}

    def step(self) -> list[tuple[Prepared, Raw]]:
        """A token more for each; those that are done. Raises InferenceFailed."""
        return [(self._items.pop(id(request))[1], packed(made)) for request, made in self._loop.step()]


def write(writing: Writing, batch: Sequence[Prepared]) -> list[Raw]:
    """All texts of a batch that nobody joins, in order. Raises InferenceFailed."""
    found: dict[int, Raw] = {}
    writing.add(batch)
    while writing:
        found |= {id(item): raw for item, raw in writing.step()}
    return [found[id(item)] for item in batch]
