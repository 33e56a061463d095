"""Trackers that match confident boxes first and let weak ones keep tracks alive: later forms of ByteTrack."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from shared.workflows.tracking.camera_motion import CameraMotion, Transform, moved
from shared.workflows.tracking.tracker import QUICK, Frame, Life, Track, Tracker, overlap
from shared.workflows.vision.pixels import Pixels


class TwoStage(Tracker):
    """Confident boxes against all tracks, then weak ones against those that are still missing; by overlap alone.

    Args:
        least_iou: least overlap of a match.
        confident: confidence that separates the two stages.
        activation: least confidence of a new track.
    """

    def __init__(
        self,
        least_iou: float = 0.1,
        confident: float = 0.6,
        activation: float = 0.7,
        life: Life = QUICK,
    ) -> None:
        super().__init__(life)
        self._least, self._confident, self._activation = least_iou, confident, activation

    @override
    def associate(self, frame: Frame) -> None:
        sure = frame.confidence >= self._confident
        for which in (sure, ~sure):
            tracks, boxes = self.missing(), frame.free(which)
            self.match(frame, tracks, boxes, overlap(tracks, frame, boxes), self._least)

    @override
    def begins(self, frame: Frame) -> list[int]:
        return frame.free(frame.confidence >= max(self._confident, self._activation))


@dataclass(frozen=True)
class BotSortRules:
    """Thresholds of BoT-SORT.

    Attributes:
        first: least overlap times confidence of confident boxes with named tracks.
        second: least overlap of weak boxes with named tracks that were seen in the last frame.
        unconfirmed: least overlap times confidence of confident boxes with young tracks.
        confident: confidence that separates the stages.
        activation: least confidence of a new track.
        at_once: objects of the first frame get their ids at once.
    """

    first: float = 0.2
    second: float = 0.5
    unconfirmed: float = 0.3
    confident: float = 0.6
    activation: float = 0.7
    at_once: bool = False


DEFAULT_RULES = BotSortRules()


class BotSort(Tracker):
    """BoT-SORT (Aharon et al., 2022) without appearance: overlap counts by confidence, and the camera may move.

    ``camera`` measures the camera's motion; None for a still one.
    """

    def __init__(
        self, rules: BotSortRules = DEFAULT_RULES, camera: CameraMotion | None = None, life: Life = QUICK
    ) -> None:
        super().__init__(life)
        self._rules, self._camera = rules, camera
        self._motion: Transform | None = None

    @property
    def follows_camera(self) -> bool:
        """Whether ``see`` matters."""
        return self._camera is not None

    def see(self, pixels: Pixels) -> None:
        """The frame's picture, before its boxes; needed only to follow the camera."""
        self._motion = None if self._camera is None else self._camera.of(pixels)

    @override
    def associate(self, frame: Frame) -> None:
        if self._motion is not None:
            for track in self.tracks:
                track.state = moved(track.state, self._motion)
        sure = frame.confidence >= self._rules.confident
        tracks, boxes = self.missing(named=True), frame.free(sure)
        self.match(frame, tracks, boxes, overlap(tracks, frame, boxes) * frame.confidence[boxes], self._rules.first)
        tracks = [track for track in self.missing(named=True) if track.seen == frame.number - 1]
        boxes = frame.free(~sure & (frame.confidence > 0.1))
        self.match(frame, tracks, boxes, overlap(tracks, frame, boxes), self._rules.second)
        tracks, boxes = self.missing(named=False), frame.free(sure)
        self.match(
            frame, tracks, boxes, overlap(tracks, frame, boxes) * frame.confidence[boxes], self._rules.unconfirmed
        )

    @override
    def begins(self, frame: Frame) -> list[int]:
        least = max(self._rules.confident, self._rules.activation)
        return frame.free(frame.confidence >= least)

    @override
    def born(self, track: Track) -> None:
        if self._rules.at_once and self.frame == 1:
            track.hits = max(track.hits, self.consecutive)
            self.named(track)
