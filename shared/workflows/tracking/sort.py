"""SORT (Bewley et al., 2016): one match per frame by overlap with the predicted boxes."""

from __future__ import annotations

from typing_extensions import override

from shared.workflows.tracking.tracker import USUAL, Frame, Life, Tracker, overlap


class Sort(Tracker):
    """Args beyond those of ``Tracker``: the least overlap of a match, the least confidence of a new track."""

    def __init__(self, least_iou: float = 0.3, activation: float = 0.25, life: Life = USUAL) -> None:
        super().__init__(life)
        self._least, self._activation = least_iou, activation

    @override
    def associate(self, frame: Frame) -> None:
        tracks, boxes = self.missing(), list(range(len(frame.boxes)))
        self.match(frame, tracks, boxes, overlap(tracks, frame, boxes), self._least)

    @override
    def begins(self, frame: Frame) -> list[int]:
        return frame.free(frame.confidence >= self._activation)
