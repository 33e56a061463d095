"""The history of a run: what clients, receivers and nemeses did and saw, in the order in which they did."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened ``at`` so many seconds after the start (monotonic).

    What    data
    submit      op, kind, key                 a client sends a job; ``op`` names the client's operation
    accepted    op, kind, key, hook, events   2xx with a job's id; ``hook`` is the receiver, "" when none
    refused     op, kind, status, code        the server said no
    unknown     op, kind, error               the connection broke: accepted or not, the client cannot know
    answer      op, status, code, right       a synchronous request was answered
    hung        op, path                      no answer at all, and no broken connection either
    state       state, since, code, outputs, right   a job as one GET showed it; ``since`` is when the GET was sent
    gone        since                         404 for a job that was accepted
    cancel      status, state                 answer to a cancel
    result      status                        answer to GET /result
    batch       op, colours                   a batch was accepted; ``job`` is its id, ``colours`` the right answers
    batch_end   state, seen: [[index, colour]]   the batch in the end, and every line of its results
    hook        id, event, receiver, status   a receiver got a webhook and answered ``status``
    fault       name, target, phase           phase is "begun" or "healed"
    lost_worker worker, why                   a worker is killed, stopped or cut off
    recovered   fault, seconds                from healed to the next job's end; None when it never came
    exit        name, code                    a process ended that nobody had killed
    story       events: [[s, name, data]]     the job's own story; seconds on the same clock as ``at``
    listed      op, kind, key, state          the job as GET /v1/jobs lists it in the end
    roll        worker, jobs                  a worker that says it is ready, and how many jobs of a roll call it ran
    left        where, count                  something that should be empty in the end
    """

    at: float
    what: str
    job: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class History:
    """Grows only. Written to a file of JSON lines as well, so that a failed run can be read afterwards."""

    def __init__(self, path: Path) -> None:
        self.events: list[Event] = []
        self._began = time.monotonic()
        self._wall = time.time() - self._began  # what a reading of the monotonic clock must be raised by
        self._file = path.open("w", encoding="utf-8")

    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def of_wall(self, milliseconds: float) -> float:
        """Seconds since the start of a time by the machine's wall clock, which is Redis's."""
        return milliseconds / 1000 - self._wall - self._began

    def note(self, what: str, job: str = "", **data: Any) -> None:
        """Append an event."""
        event = Event(round(self.now(), 4), what, job, data)
        self.events.append(event)
        self._file.write(json.dumps([event.at, what, job, data]) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def of(events: Iterable[Event], *what: str) -> list[Event]:
    """The events of those kinds."""
    return [event for event in events if event.what in what]


def by_job(events: Sequence[Event]) -> dict[str, list[Event]]:
    """The events of each job, in order."""
    found: dict[str, list[Event]] = {}
    for event in events:
        if event.job:
            found.setdefault(event.job, []).append(event)
    return found
