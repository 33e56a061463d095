"""A Kalman filter of a box that keeps its speed: state (x, y, aspect, height) of the centre and its derivatives.

The noise is relative to the box's height: a standard deviation of 1/20 of it for positions and 1/160 for speeds, the
weights of SORT and ByteTrack (Zhang et al., 2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

POSITION_WEIGHT = 1 / 20
SPEED_WEIGHT = 1 / 160

_MOTION = np.eye(8) + np.eye(8, k=4)  # position += speed, once per frame
_OBSERVE = np.eye(4, 8)


@dataclass
class State:
    """Mean [8] and covariance [8, 8] of a box."""

    mean: Floats
    covariance: Floats

    @property
    def xyxy(self) -> Floats:
        """The box, [4]."""
        centre, (aspect, height) = self.mean[:2], self.mean[2:4]
        half = np.array([aspect * height, height]) / 2
        return np.concatenate([centre - half, centre + half])


def measured(xyxy: Floats) -> Floats:
    """A box [4] as centre, aspect and height."""
    width, height = xyxy[2:] - xyxy[:2]
    return np.array([*(xyxy[:2] + xyxy[2:]) / 2, width / max(height, 1e-6), height])


def born(xyxy: Floats) -> State:
    """The state of a box that was seen once."""
    mean = np.concatenate([measured(xyxy), np.zeros(4)])
    height = mean[3]
    position, speed = 2 * POSITION_WEIGHT * height, 10 * SPEED_WEIGHT * height
    return State(mean, np.diag(np.square([position, position, 1e-2, position, speed, speed, 1e-5, speed])))


def predicted(state: State, *, growing: bool = True) -> State:
    """One frame later. ``growing=False`` keeps the height: for boxes that are out of sight."""
    mean = state.mean.copy()
    if not growing:
        mean[7] = 0
    position, speed = POSITION_WEIGHT * mean[3], SPEED_WEIGHT * mean[3]
    noise = np.diag(np.square([position, position, 1e-2, position, speed, speed, 1e-5, speed]))
    return State(_MOTION @ mean, _MOTION @ state.covariance @ _MOTION.T + noise)


def corrected(state: State, xyxy: Floats) -> State:
    """After the box was seen at ``xyxy`` [4]."""
    position = POSITION_WEIGHT * state.mean[3]
    noise = np.diag(np.square([position, position, 1e-1, position]))
    innovation = _OBSERVE @ state.covariance @ _OBSERVE.T + noise
    gain = np.linalg.solve(innovation, _OBSERVE @ state.covariance).T
    mean = state.mean + gain @ (measured(xyxy) - state.mean[:4])
    return State(mean, state.covariance - gain @ innovation @ gain.T)
