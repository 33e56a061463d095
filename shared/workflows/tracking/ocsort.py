"""OC-SORT (Cao et al., 2023): what was seen counts more than what was predicted.

Matches also weigh whether a box lies in the direction in which the track was moving; tracks that found none are tried
again where they were last seen; and a track that is found again is corrected along the way that it must have taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from typing_extensions import override

from shared.workflows.tracking import kalman
from shared.workflows.tracking.matching import iou
from shared.workflows.tracking.tracker import NO_ID, USUAL, Floats, Frame, Life, Track, Tracker, overlap


class OcSort(Tracker):
    """Args beyond those of ``Tracker``.

    Args:
        least_iou: least overlap of a match.
        confident: least confidence of boxes that count at all.
        direction: weight of the direction beside the overlap.
        delta: frames between the two sightings that give a track's direction.
    """

    def __init__(
        self,
        least_iou: float = 0.3,
        confident: float = 0.6,
        direction: float = 0.2,
        delta: int = 3,
        life: Life = USUAL,
    ) -> None:
        super().__init__(life)
        self._least, self._confident, self._direction, self._delta = least_iou, confident, direction, max(1, delta)
        self.remembered = self._delta + 1

    @override
    def associate(self, frame: Frame) -> None:
        tracks, boxes = self.missing(), frame.free(frame.confidence >= self._confident)
        shared = overlap(tracks, frame, boxes)
        likeness = shared + self._direction * self._agreement(tracks, frame.boxes[boxes]) * frame.confidence[boxes]
        likeness[shared < self._least] = -1  # direction alone makes no match
        self.match(frame, tracks, boxes, likeness, -0.5)
        tracks, boxes = self.missing(), frame.free(frame.confidence >= self._confident)
        self.match(frame, tracks, boxes, iou([_last(track) for track in tracks], frame.boxes[boxes]), self._least)

    @override
    def begins(self, frame: Frame) -> list[int]:
        return frame.free(frame.confidence >= self._confident)

    @override
    def hit(self, frame: Frame, track: Track, i: int) -> None:
        gap = frame.number - track.seen
        if gap > 1:
            track.state = _along(_last(track), frame.boxes[i], gap)
            track.hits = 1
        super().hit(frame, track, i)

    @override
    def named(self, track: Track) -> None:
        if track.id == NO_ID and self._sure(track):
            self.last_id += 1
            track.id = self.last_id

    @override
    def shown(self, track: Track) -> int:
        return track.id if self._sure(track) else NO_ID

    def _sure(self, track: Track) -> bool:
        """In a video's first frames one further sighting is enough; later it takes ``consecutive`` in a row."""
        again = track.hits - 1
        return again >= self.consecutive or (again > 0 and self.frame <= self.consecutive + 1)

    def _agreement(self, tracks: Sequence[Track], boxes: Floats) -> Floats:
        """1/2 where a box lies straight ahead of a track, -1/2 behind, [tracks, boxes]; 0 without direction."""
        agreement = np.zeros((len(tracks), len(boxes)))
        for row, track in enumerate(tracks):
            ahead = _centre(_last(track)) - _centre(next(iter(track.boxes.values())))
            there = (boxes[:, :2] + boxes[:, 2:]) / 2 - _centre(_last(track))
            length = np.linalg.norm(ahead) * np.linalg.norm(there, axis=1)
            cosine = np.divide(there @ ahead, length, out=np.zeros(len(boxes)), where=length > 1e-9)
            turn = np.arccos(np.clip(cosine, -1, 1))
            agreement[row] = np.where(length > 1e-9, 0.5 - turn / np.pi, 0)
        return agreement


def _last(track: Track) -> Floats:
    """The box that the track was last seen as."""
    return next(reversed(track.boxes.values()))


def _centre(box: Floats) -> Floats:
    return np.asarray((box[:2] + box[2:]) / 2)


def _along(start: Floats, end: Floats, frames: int) -> kalman.State:
    """The state after a straight way from one box to another, seen at every frame but the last."""
    state = kalman.born(start)
    for step in range(1, frames):
        state = kalman.corrected(kalman.predicted(state), start + (end - start) * step / frames)
    return kalman.predicted(state)
