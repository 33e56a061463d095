"""What trackers have in common: tracks are predicted, matched with boxes in stages, begun and forgotten.

A tracker says how boxes are matched (``associate``) and which of the rest begin tracks (``begins``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shared.workflows.tracking import kalman
from shared.workflows.tracking.matching import assign, iou

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

NO_ID = -1


@dataclass
class Track:
    """One object.

    Attributes:
        state: where it is now, by prediction or match.
        seen: frame of its last match.
        hits: matches so far; a young track is dropped at its first miss, so they are in a row.
        id: NO_ID while it is young.
        boxes: where it was seen, by frame; the last few.
    """

    state: kalman.State
    seen: int
    hits: int = 1
    id: int = NO_ID
    boxes: dict[int, Floats] = field(default_factory=dict)


@dataclass
class Frame:
    """Boxes of a frame and the tracks that they were matched with so far."""

    number: int
    boxes: Floats
    confidence: Floats
    owners: dict[int, Track] = field(default_factory=dict)

    def free(self, which: npt.NDArray[np.bool_]) -> list[int]:
        """Positions of boxes among ``which`` [N] that belong to no track."""
        return [i for i in np.flatnonzero(which).tolist() if i not in self.owners]


@dataclass(frozen=True)
class Life:
    """When tracks are named and forgotten.

    Attributes:
        consecutive: matches after which a track gets its id.
        lost_buffer: frames at 30 per second for which an unseen track with an id is remembered.
        fps: frames per second, which scales the buffer.
    """

    consecutive: int = 3
    lost_buffer: int = 30
    fps: float = 30


USUAL = Life()
QUICK = Life(consecutive=2)


class Tracker(ABC):
    """Tracks of one video. Not for several threads at once."""

    remembered = 1  # boxes of a track that are kept

    def __init__(self, life: Life) -> None:
        self.consecutive, self.max_unseen = life.consecutive, int(life.fps / 30 * life.lost_buffer)
        self.frame, self.last_id = 0, NO_ID
        self.tracks: list[Track] = []

    @abstractmethod
    def associate(self, frame: Frame) -> None:
        """Match tracks with boxes: calls ``match``."""

    @abstractmethod
    def begins(self, frame: Frame) -> list[int]:
        """Which boxes without a track begin one."""

    def update(self, xyxy: npt.ArrayLike, confidence: npt.ArrayLike) -> Ids:
        """The track id of each box [N, 4] of the next frame, NO_ID where there is none (yet)."""
        self.frame += 1
        boxes = np.asarray(xyxy, float).reshape(-1, 4)
        frame = Frame(self.frame, boxes, np.asarray(confidence, float).reshape(-1))
        for track in self.tracks:
            track.state = kalman.predicted(track.state, growing=track.seen == self.frame - 1)
        self.associate(frame)
        for i in self.begins(frame):
            track = Track(kalman.born(boxes[i]), self.frame, boxes={self.frame: boxes[i]})
            frame.owners[i] = track
            self.tracks.append(track)
            self.born(track)
        self.tracks = [track for track in self.tracks if self.lives(track)]
        ids = [self.shown(frame.owners[i]) if i in frame.owners else NO_ID for i in range(len(boxes))]
        return np.array(ids, dtype=np.int64)

    def match(self, frame: Frame, tracks: Sequence[Track], boxes: list[int], likeness: Floats, least: float) -> None:
        """Match tracks with boxes of the greatest total likeness [tracks, boxes]; pairs are ``least`` alike or more."""
        for row, column in assign(-likeness, -least):
            self.hit(frame, tracks[row], boxes[column])

    def hit(self, frame: Frame, track: Track, i: int) -> None:
        """The track was seen as box ``i``."""
        frame.owners[i] = track
        track.state = kalman.corrected(track.state, frame.boxes[i])
        track.seen, track.hits = frame.number, track.hits + 1
        track.boxes[frame.number] = frame.boxes[i]
        for old in list(track.boxes)[: -self.remembered]:
            del track.boxes[old]
        self.named(track)

    def born(self, track: Track) -> None:  # noqa: B027 - most trackers do nothing here
        """A box began a track; its id comes with a later match, unless the tracker names it at once."""

    def named(self, track: Track) -> None:
        """Give the track its id once it has enough matches."""
        if track.id == NO_ID and track.hits >= self.consecutive:
            self.last_id += 1
            track.id = self.last_id

    def shown(self, track: Track) -> int:
        """The id under which a track that was seen now is reported."""
        return track.id

    def lives(self, track: Track) -> bool:
        """Seen now, or lost not long ago."""
        unseen = self.frame - track.seen
        return unseen == 0 or (track.hits >= self.consecutive and unseen <= self.max_unseen)

    def missing(self, *, named: bool | None = None) -> list[Track]:
        """Tracks not matched in this frame: all, those with an id, or those without."""
        unmatched = (track for track in self.tracks if track.seen < self.frame)
        return [track for track in unmatched if named is None or (track.id != NO_ID) == named]


def overlap(tracks: Sequence[Track], frame: Frame, which: list[int]) -> Floats:
    """IoU of the tracks with boxes, [tracks, boxes]."""
    return iou([track.state.xyxy for track in tracks], frame.boxes[which])
