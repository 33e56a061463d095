"""What is in a pipeline, and the room for more."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

from shared.queue.consumer import Taken
from worker_service.consumer.pace import Pace


class Room(NamedTuple):
    """How many more images may be taken now: of live jobs, and of the others."""

    live: int
    rest: int


class Space:
    """Jobs that have not ended, and images that no run has begun.

    Room opens when half of it is free: images that come together cost one round trip, and whoever waits for room is
    woken once for them. ``prefetch`` bounds images ahead of ``runs``, of live jobs and of the others alike, so that a
    worker full of bulk work takes a live one at once.
    """

    def __init__(self, pace: Pace, prefetch: int, runs: int) -> None:
        self._pace, self._prefetch, self._runs = pace, prefetch, runs
        self._ahead = {True: 0, False: 0}  # live or not -> images taken that no run has begun
        self._jobs: set[Taken] = set()
        self._changed = threading.Condition()

    @property
    def jobs(self) -> list[Taken]:
        """Every job that has not ended."""
        with self._changed:
            return list(self._jobs)

    def enter(self, taken: Taken) -> None:
        """A job has come."""
        with self._changed:
            self._jobs.add(taken)

    def wait(self, live: bool, images: int) -> None:
        """So many of its images wait for a run."""
        with self._changed:
            self._ahead[live] += images

    def begin(self, lives: Sequence[bool]) -> None:
        """Images, live or not, wait no more."""
        with self._changed:
            for live in lives:
                self._ahead[live] -= 1
            if any(self._ahead[live] <= self._open_at() for live in lives):
                self._changed.notify_all()

    def leave(self, ended: Sequence[Taken]) -> list[Taken]:
        """Jobs have ended; those that were in here until now."""
        with self._changed:
            left = [taken for taken in ended if taken in self._jobs]
            self._jobs.difference_update(left)
            if not self._jobs:
                self._changed.notify_all()
        return left

    def room(self, timeout_s: float) -> Room:
        """How many more images may be taken now; waits up to ``timeout_s`` for any."""
        with self._changed:
            self._changed.wait_for(lambda: any(self._room()), timeout_s)
            return self._room()

    def pause(self, known: Room, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` for room of a kind that there was none of; whether there is."""
        with self._changed:
            return self._changed.wait_for(lambda: _opened(known, self._room()), timeout_s)

    def emptied(self, timeout_s: float) -> bool:
        """Wait until every job has ended; False when some had not in that time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs, timeout_s)

    def _room(self) -> Room:
        most, open_at = self._most(), self._open_at()
        live, rest = (most - ahead if ahead <= open_at else 0 for ahead in (self._ahead[True], self._ahead[False]))
        return Room(live, rest)

    def _most(self) -> int:
        return self._pace.ahead(self._prefetch, self._runs)

    def _open_at(self) -> int:
        """With so many images ahead, or fewer, there is room."""
        most = self._most()
        return most - max(1, most // 2)


def _opened(before: Room, after: Room) -> bool:
    return (after.live > 0 and not before.live) or (after.rest > 0 and not before.rest)
