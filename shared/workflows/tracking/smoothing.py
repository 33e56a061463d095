"""Steadier boxes of tracks: each is shown a part of the way from where it was; a lost track drifts on for a while."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest

Floats = npt.NDArray[np.float64]

PROCESS_NOISE = 0.001
MEASUREMENT_NOISE = 0.01


@dataclass
class _Speed:
    """A Kalman estimate of pixels per frame; its components share one variance, as their noise is the same."""

    value: Floats
    history: deque[Floats]
    variance: float = 1.0

    def measured(self, speed: Floats) -> None:
        self.history.append(speed)
        gain = self.variance / (self.variance + MEASUREMENT_NOISE)
        self.value = self.value + gain * (np.mean(self.history, axis=0) - self.value)
        self.variance -= gain * self.variance

    def aged(self) -> None:
        self.variance += PROCESS_NOISE


class Stabilizer:
    """Tracks of one video.

    Args:
        window: measured speeds that are averaged; also the frames for which a lost track drifts on.
        coefficient: share of the way to the new box that a box moves; 1 is no smoothing.
    """

    def __init__(self, window: int = 3, coefficient: float = 0.2) -> None:
        if window < 1 or not 0 <= coefficient <= 1:
            raise InvalidRequest("smoothing_window_size must be at least 1, bbox_smoothing_coefficient between 0 and 1")
        self._window, self._coefficient = window, coefficient
        self._boxes: dict[int, Floats] = {}
        self._speeds: dict[int, _Speed] = {}

    def update(self, ids: list[int], xyxy: Floats) -> tuple[Floats, dict[int, Floats]]:
        """One frame.

        Args:
            ids: track of each box.
            xyxy: boxes, [N, 4].

        Returns:
            The smoothed boxes [N, 4], and boxes by id of the tracks that are out of sight but still moving.
        """
        smoothed = xyxy.astype(float)
        for i, id_ in enumerate(ids):
            before, self._boxes[id_] = self._boxes.get(id_), smoothed[i].copy()
            if before is not None:
                self._measure(id_, smoothed[i, 2:] - before[2:])
                smoothed[i] = self._toward(before, smoothed[i])
        drifting = self._drift(set(ids))
        for id_ in [id_ for id_ in self._boxes if id_ not in self._speeds and id_ not in ids]:
            del self._boxes[id_]
        return smoothed, drifting

    def _toward(self, before: Floats, now: Floats) -> Floats:
        return np.asarray(self._coefficient * now + (1 - self._coefficient) * before)

    def _measure(self, id_: int, speed: Floats) -> None:
        if id_ in self._speeds:
            self._speeds[id_].measured(speed)
        else:
            self._speeds[id_] = _Speed(speed, deque([speed], maxlen=self._window))

    def _drift(self, seen: set[int]) -> dict[int, Floats]:
        drifting = {}
        for id_, speed in list(self._speeds.items()):
            speed.aged()
            if id_ in seen:
                continue
            self._boxes[id_] = self._toward(self._boxes[id_], self._boxes[id_] + np.tile(speed.value, 2))
            drifting[id_] = self._boxes[id_].copy()
            speed.history.popleft()
            if not speed.history:
                del self._speeds[id_]
        return drifting
