"""The generation loop: requests decode together, each in its own way and to its own end, and others may join them.

Where the decoder bears a past that is filled up, all rows take their steps as one batch. Where it does not, requests
that began together with prompts of one length do, and these groups take turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from worker_service.engine.generation.decoder import EMBEDS, IDS, Array, Decoder
from worker_service.engine.generation.group import Embed, Group
from worker_service.engine.generation.reader import Read
from worker_service.engine.generation.request import Generated, Request, Run

__all__ = ["Generated", "Loop", "Request", "generate", "tokens"]


def tokens(ids: Array) -> Mapping[str, Array]:
    """The feeds of a decoder that takes ids."""
    return {IDS: ids}


class Loop:
    """Requests on their way."""

    def __init__(self, decoder: Decoder, read: Read, embed: Embed = tokens) -> None:
        """``read`` makes texts of token ids, ``embed`` what the decoder is fed instead, where it is not the ids."""
        self._decoder, self._read, self._embed = decoder, read, embed
        self._groups: list[Group] = []
        self._runs: list[Run] = []

    def __len__(self) -> int:
        """Requests that are not done."""
        return len(self._runs)

    def add(self, requests: Sequence[Request], given: Mapping[str, Array]) -> None:
        """Take up requests; ``given`` is what the decoder is fed in every step, one row for each."""
        runs = [Run(request, self._read) for request in requests]
        by_length = sorted(range(len(runs)), key=lambda i: len(requests[i].prompt))
        for _, same in groupby(by_length, key=lambda i: len(requests[i].prompt)):
            members = list(same)
            feeds = self._feeds([requests[i] for i in members])
            chosen = {name: array[members] for name, array in given.items()}
            self._groups.append(Group(self._decoder, [runs[i] for i in members], feeds, chosen))
        self._runs += runs

    def step(self) -> list[tuple[Request, Generated]]:
        """A token more for each; those that are done. Raises InferenceFailed."""
        for group in self._groups:
            group.step(self._embed)
        self._groups = [group for group in self._groups if group.runs]
        if len(self._groups) > 1 and self._decoder.pads:
            first, *others = self._groups
            for other in others:
                first.join(other)
            self._groups = [first]
        going = {id(run) for group in self._groups for run in group.runs}
        done = [run for run in self._runs if id(run) not in going]
        self._runs = [run for run in self._runs if id(run) in going]
        return [(run.request, run.finished()) for run in done]

    def _feeds(self, requests: Sequence[Request]) -> Mapping[str, Array]:
        seen = [request.embeds for request in requests if request.embeds is not None]
        if seen:
            return {EMBEDS: np.stack(seen)}
        return self._embed(np.array([request.prompt for request in requests], np.int64))


def generate(
    decoder: Decoder, requests: Sequence[Request], given: Mapping[str, Array], read: Read, embed: Embed = tokens
) -> list[Generated]:
    """All texts of these requests, in their order. Raises InferenceFailed."""
    loop, found = Loop(decoder, read, embed), dict[int, Generated]()
    loop.add(requests, given)
    while loop:
        found |= {id(request): made for request, made in loop.step()}
    return [found[id(request)] for request in requests]
