"""One class per track, by majority: a track keeps the class that it was seen as most, whatever a frame says."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest
from shared.workflows.tracking.matching import iou

Box = npt.NDArray[np.generic]


@dataclass(frozen=True)
class LockRules:
    """When a class is locked and when it changes.

    Attributes:
        min_votes: votes that the leading class needs to be locked.
        vote_confidence: confidence from which a frame counts as a vote.
        lead_margin: votes that it must lead by.
        switch_after: votes in a row for one other class that change a locked one.
        state_ttl: frames for which an unseen track is remembered.
        reattach_window: frames within which a new track may take over the lock of one that vanished.
        reattach_iou: overlap with that one's last box that it needs.
    """

    min_votes: int = 10
    vote_confidence: float = 0.8
    lead_margin: int = 3
    switch_after: int = 15
    state_ttl: int = 300
    reattach_window: int = 30
    reattach_iou: float = 0.3

    def __post_init__(self) -> None:
        bounds = (("min_votes", 1), ("lead_margin", 0), ("switch_after", 1), ("state_ttl", 1), ("reattach_window", 0))
        for name, least in bounds:
            if getattr(self, name) < least:
                raise InvalidRequest(f"{name} must be at least {least}, not {getattr(self, name)}")
        for name in ("vote_confidence", "reattach_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidRequest(f"{name} must lie between 0 and 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class Locked:
    """The class that a track is shown as; ``confidence`` is the mean of the votes for it."""

    name: str
    class_id: int | None
    confidence: float


@dataclass
class _Track:
    seen: int
    box: Box
    votes: Counter[str] = field(default_factory=Counter)
    confidence: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # sums
    class_ids: dict[str, int] = field(default_factory=dict)
    locked: str | None = None
    rival: str | None = None
    streak: int = 0
    streak_confidence: float = 0.0


class ClassLock:
    """Tracks of one video."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._frame = 0

    def begin_frame(self, present: set[int], rules: LockRules) -> None:
        """A new frame in which the tracks ``present`` are seen; forgets those that are long gone."""
        self._frame += 1
        self._present = present
        gone = [id_ for id_, t in self._tracks.items() if self._frame - t.seen > rules.state_ttl and id_ not in present]
        for id_ in gone:
            del self._tracks[id_]

    def see(self, id_: int, box: Box, vote: tuple[str, int | None, float], rules: LockRules) -> Locked | None:
        """A track's box [4] and its class, class id and confidence in this frame. None while nothing is locked."""
        if id_ not in self._tracks:
            heir = self._vanished(box, rules)
            self._tracks[id_] = self._tracks.pop(heir) if heir is not None else _Track(self._frame, box)
        track = self._tracks[id_]
        track.seen, track.box = self._frame, np.array(box)
        name, class_id, confidence = vote
        counts = confidence >= rules.vote_confidence
        if counts and class_id is not None:
            track.class_ids.setdefault(name, class_id)
        if track.locked is None:
            self._vote(track, name, confidence if counts else None, rules)
        else:
            self._challenge(track, name, confidence if counts else None, rules)
        if track.locked is None:
            return None
        mean = track.confidence[track.locked] / max(track.votes[track.locked], 1)
        return Locked(track.locked, track.class_ids.get(track.locked), min(1.0, float(mean)))

    def _vote(self, track: _Track, name: str, confidence: float | None, rules: LockRules) -> None:
        if confidence is not None:
            track.votes[name] += 1
            track.confidence[name] += confidence
        ranked = track.votes.most_common(2)
        if ranked:
            lead = ranked[0][1] - (ranked[1][1] if len(ranked) > 1 else 0)
            if ranked[0][1] >= rules.min_votes and lead >= rules.lead_margin:
                track.locked = ranked[0][0]

    def _challenge(self, track: _Track, name: str, confidence: float | None, rules: LockRules) -> None:
        """Only an unbroken row of votes for one other class changes a lock; its votes begin anew with that row."""
        if confidence is None or name == track.locked:
            track.rival, track.streak, track.streak_confidence = None, 0, 0.0
            return
        if name != track.rival:
            track.rival, track.streak, track.streak_confidence = name, 0, 0.0
        track.streak += 1
        track.streak_confidence += confidence
        if track.streak >= rules.switch_after:
            track.locked = name
            track.votes = Counter({name: track.streak})
            track.confidence = defaultdict(float, {name: track.streak_confidence})
            track.rival, track.streak, track.streak_confidence = None, 0, 0.0

    def _vanished(self, box: Box, rules: LockRules) -> int | None:
        """The locked track that is not in this frame, vanished lately and overlapped ``box`` most."""
        best, found = rules.reattach_iou, None
        for id_, track in self._tracks.items():
            gap = self._frame - track.seen
            if id_ in self._present or track.locked is None or not 1 <= gap <= rules.reattach_window:
                continue
            overlap = float(iou([box], [track.box])[0, 0])
            if overlap > 0 and overlap >= best:
                best, found = overlap, id_
        return found
