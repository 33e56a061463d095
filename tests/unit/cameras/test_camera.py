"""The test camera itself: what it plays can be read, and it refuses as cameras do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import av
import pytest
from av.error import HTTPNotFoundError, HTTPUnauthorizedError

from tests.cameras.camera import Camera
from tests.cameras.film import number_of

OPTIONS = {"rtsp_transport": "tcp", "probesize": "100000", "analyzeduration": "100000"}


@pytest.fixture(scope="module")
def camera() -> Iterator[Camera]:
    with Camera(size=(320, 180), fps=30, pictures=60) as running:
        yield running


def test_pictures_come_in_order_and_are_young(camera: Camera) -> None:
    with av.open(camera.url, options=OPTIONS, timeout=(5, 5)) as source:
        numbers, ages = [], []
        for frame in source.decode(video=0):
            image = frame.to_ndarray(format="bgr24")
            numbers.append(number_of(image))
            ages.append(camera.age_of(image))
            if len(numbers) == 70:
                break
    assert all((b - a) % 60 == 1 for a, b in itertools.pairwise(numbers))
    assert min(ages) < 0.5


def test_a_password_is_asked_for(camera: Camera) -> None:
    with pytest.raises(HTTPUnauthorizedError):
        av.open(camera.path("secret", "camera:wrong"), options=OPTIONS, timeout=(5, 5))
    with av.open(camera.secret, options=OPTIONS, timeout=(5, 5)) as source:
        assert source.streams.video[0].width == 320


def test_another_path_is_not_found(camera: Camera) -> None:
    with pytest.raises(HTTPNotFoundError):
        av.open(camera.path("nothing"), options=OPTIONS, timeout=(5, 5))


def test_the_size_changes_in_mid_stream(camera: Camera) -> None:
    with av.open(camera.path("cam/2"), options=OPTIONS, timeout=(5, 5)) as source:
        widths: list[int] = []
        for frame in source.decode(video=0):
            if not widths:
                camera.change_size()
            widths.append(frame.width)
            if frame.width == 160:
                break
    camera.change_size()
    assert set(widths) == {320, 160}
