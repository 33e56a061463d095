"""Camera devices, with OpenCV's capture replaced: no machine of the tests has one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from shared.errors import SourceNotFound, SourceUnreachable, SourceUnsupported
from shared.streams.spec import SourceSpec
from stream_service.settings import StreamSettings
from stream_service.source import Source, kind_of, registry

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


class Capture:
    """What OpenCV offers of a device: as many frames as it has, then none."""

    def __init__(self, number: int, backend: int) -> None:
        self.opened = (number, backend)
        self.frames = 2
        self.values = {cv2.CAP_PROP_FRAME_WIDTH: 6.0, cv2.CAP_PROP_FRAME_HEIGHT: 4.0, cv2.CAP_PROP_FPS: 30.0}
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.opened[0] == 2

    def set(self, what: int, value: float) -> bool:
        self.values[what] = value
        return True

    def get(self, what: int) -> float:
        return self.values.get(what, 0.0)

    def read(self) -> tuple[bool, Any]:
        self.frames -= 1
        return (True, PICTURE) if self.frames >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[Capture]:
    made: list[Capture] = []

    def capture(number: int, backend: int) -> Capture:
        made.append(Capture(number, backend))
        return made[-1]

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    monkeypatch.setattr("sys.platform", "linux")
    return made


def device(reference: str | int, **options: Any) -> Source:
    spec = SourceSpec(reference=reference, id="0", **options)
    return kind_of(reference, registry()).make(spec, StreamSettings(stream_devices=True))


@pytest.mark.parametrize("reference", [2, "2", "/dev/video2"])
def test_its_frames_until_it_is_unplugged(captures: list[Capture], reference: str | int) -> None:
    made = device(reference, properties={"frame_width": 1280, "fps": 15})
    info = made.open()
    (capture,) = captures
    assert capture.opened == (2, cv2.CAP_V4L2)
    assert (info.live, info.ends, info.width, info.height, info.fps) == (True, False, 1280, 4, 15.0)
    assert capture.values[cv2.CAP_PROP_BUFFERSIZE] == 1  # no old frames in the driver's queue
    for _ in range(2):
        captured = made.read()
        assert captured is not None
        assert np.array_equal(captured.picture.bgr(), PICTURE)
    with pytest.raises(SourceUnreachable, match="unplugged"):
        made.read()
    made.close()
    made.close()
    assert capture.released


def test_what_is_not_there_and_what_it_does_not_know(captures: list[Capture]) -> None:
    del captures
    with pytest.raises(SourceNotFound, match="no camera device 7"):
        device(7).open()
    made = device(2, properties={"frame_colour": 1})
    with pytest.raises(SourceUnsupported, match="frame_colour"):
        made.open()
    made.close()
