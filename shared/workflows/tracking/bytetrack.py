"""ByteTrack (Zhang et al., 2022): boxes with low confidence are used too, but only to keep tracks alive.

Per frame: confident boxes are matched with all tracks by overlap times confidence; tracks that stayed without one are
matched with the weak boxes by overlap; tracks seen only once are confirmed by a second confident box or dropped; what
is left over of the confident boxes begins new tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.workflows.tracking import kalman
from shared.workflows.tracking.matching import assign, iou

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

NO_ID = -1

WEAKEST = 0.1  # boxes below are noise
NEW_TRACK_MARGIN = 0.1  # a new track needs this much more confidence than a match
WEAK_MATCH_COST = 0.5  # 1 - IoU that a weak box may have
UNCONFIRMED_MATCH_COST = 0.7
DUPLICATE_COST = 0.15  # two tracks that overlap more are one


@dataclass
class _Track:
    state: kalman.State
    born: int
    seen: int  # frame of the last match
    matches: int = 1  # in a row
    confirmed: bool = False
    id: int = NO_ID


class ByteTrack:
    """Tracks of one video. Not for several threads at once.

    Args:
        activation: confidence from which a box is a confident one.
        lost_buffer: frames at 30 per second for which an unseen track is remembered.
        matching: highest cost (1 - overlap x confidence) of a match with a confident box.
        consecutive: matches in a row after which a track gets its id.
        fps: frames per second, which scales ``lost_buffer``.
    """

    def __init__(
        self,
        activation: float = 0.25,
        lost_buffer: int = 30,
        matching: float = 0.8,
        consecutive: int = 1,
        fps: float = 30,
    ) -> None:
        self._activation, self._matching, self._consecutive = activation, matching, consecutive
        self._max_unseen = int(fps / 30 * lost_buffer)
        self._frame = 0
        self._last_id = 0
        self._tracked: list[_Track] = []
        self._lost: list[_Track] = []

    def update(self, xyxy: npt.ArrayLike, confidence: npt.ArrayLike) -> Ids:
        """The track id of each box [N] of the next frame, NO_ID where there is none (yet).

        Args:
            xyxy: boxes, [N, 4].
            confidence: [N].
        """
        self._frame += 1
        boxes, scores = np.asarray(xyxy, float).reshape(-1, 4), np.asarray(confidence, float).reshape(-1)
        owners: list[_Track | None] = [None] * len(boxes)
        confident = np.flatnonzero(scores >= self._activation).tolist()
        weak = np.flatnonzero((scores > WEAKEST) & (scores < self._activation)).tolist()

        confirmed = [track for track in self._tracked if track.confirmed]
        unconfirmed = [track for track in self._tracked if not track.confirmed]
        for track in (*confirmed, *self._lost):
            track.state = kalman.predicted(track.state, growing=track.seen == self._frame - 1)

        pool = [*confirmed, *self._lost]
        left, confident = self._match(pool, confident, boxes, owners, self._matching, scores)
        left, _ = self._match([t for t in left if t.seen == self._frame - 1], weak, boxes, owners, WEAK_MATCH_COST)
        _, confident = self._match(unconfirmed, confident, boxes, owners, UNCONFIRMED_MATCH_COST, scores)
        born = [self._begin(i, boxes, owners) for i in confident if scores[i] >= self._activation + NEW_TRACK_MARGIN]

        self._settle([*pool, *unconfirmed], born)
        kept = {id(track) for track in self._tracked}
        ids = [t.id if t is not None and t.confirmed and id(t) in kept else NO_ID for t in owners]
        return np.array(ids, dtype=np.int64)

    def _match(
        self,
        tracks: Sequence[_Track],
        candidates: list[int],
        boxes: Floats,
        owners: list[_Track | None],
        limit: float,
        scores: Floats | None = None,
    ) -> tuple[list[_Track], list[int]]:
        """Match tracks with the candidates among the boxes; returns the tracks and candidates left over."""
        overlap = iou([track.state.xyxy for track in tracks], boxes[candidates])
        cost = 1 - overlap * (1 if scores is None else scores[candidates])
        pairs = assign(cost, limit)
        for row, column in pairs:
            track, i = tracks[row], candidates[column]
            owners[i] = track
            self._seen(track, boxes[i])
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        tracks_left = [track for row, track in enumerate(tracks) if row not in rows]
        return tracks_left, [i for column, i in enumerate(candidates) if column not in columns]

    def _seen(self, track: _Track, box: Floats) -> None:
        track.state = kalman.corrected(track.state, box)
        found_again = track.seen < self._frame - 1
        track.matches = 0 if found_again else track.matches + 1
        track.seen = self._frame
        if track.matches >= self._consecutive:
            track.confirmed = True
            self._name(track)

    def _begin(self, i: int, boxes: Floats, owners: list[_Track | None]) -> _Track:
        track = _Track(kalman.born(boxes[i]), born=self._frame, seen=self._frame)
        if self._frame == 1 and self._consecutive <= 1:  # there is nothing before it that could confirm it
            track.confirmed = True
            self._name(track)
        owners[i] = track
        return track

    def _name(self, track: _Track) -> None:
        if track.id == NO_ID:
            self._last_id += 1
            track.id = self._last_id

    def _settle(self, known: list[_Track], born: list[_Track]) -> None:
        """Sort the tracks into those seen now and those lost; forget the old ones, and doubles of others."""
        tracked = [track for track in known if track.seen == self._frame] + born
        lost = [
            track
            for track in known
            if track.seen < self._frame and track.confirmed and self._frame - track.seen <= self._max_unseen
        ]
        overlap = iou([track.state.xyxy for track in tracked], [track.state.xyxy for track in lost])
        drop: set[int] = set()
        for row, column in zip(*np.nonzero(1 - overlap < DUPLICATE_COST), strict=True):
            one, other = tracked[row], lost[column]
            drop.add(id(other if one.seen - one.born > other.seen - other.born else one))
        self._tracked = [track for track in tracked if id(track) not in drop]
        self._lost = [track for track in lost if id(track) not in drop]
