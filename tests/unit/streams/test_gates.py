"""Frames that are read and not processed: by rate, by stillness."""

from __future__ import annotations

import numpy as np
import pytest

from shared.streams.spec import MotionSpec
from stream_service.gates import MotionGate, Pace
from stream_service.picture import ArrayPicture


@pytest.mark.parametrize(("fps", "limit", "expected"), [(30, 20, 20), (30, 10, 10), (25, 30, 25), (30, 0.5, 1)])
def test_a_rate_is_met_on_average(fps: int, limit: float, expected: int) -> None:
    pace = Pace(limit)
    assert sum(pace.passes(number / fps) for number in range(fps)) == expected


def test_a_clock_that_jumps_back_does_not_stop_the_stream() -> None:
    pace = Pace(10)
    assert pace.passes(100.0)
    assert pace.passes(0.0)


def picture(left: int) -> ArrayPicture:
    pixels = np.full((180, 320, 3), 90, np.uint8)
    pixels[60:120, left : left + 60] = 250
    return ArrayPicture(pixels)


def test_motion_passes_what_moves_and_one_now_and_then() -> None:
    gate = MotionGate(MotionSpec(keep_alive_s=5))
    assert gate.passes(picture(10), 0.0)
    assert not gate.passes(picture(10), 1.0)
    assert gate.passes(picture(40), 2.0)
    assert not gate.passes(picture(40), 6.0)
    assert gate.passes(picture(40), 7.5)


def test_noise_is_no_motion() -> None:
    random = np.random.default_rng(1)
    gate = MotionGate(MotionSpec())
    still = np.full((180, 320, 3), 90, np.int16)
    noisy = [ArrayPicture((still + random.integers(-8, 9, still.shape)).astype(np.uint8)) for _ in range(4)]
    assert gate.passes(noisy[0], 0.0)
    assert [gate.passes(one, 1.0) for one in noisy[1:]] == [False, False, False]
