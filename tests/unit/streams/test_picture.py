"""Frames scaled and encoded in YUV look like those that OpenCV would have made of their pixels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Colorspace

from stream_service.picture import ArrayPicture, Picture, VideoPicture

ROOT = Path(__file__).resolve().parents[3]


def scene() -> np.ndarray:
    return cv2.resize(cv2.imread(str(ROOT / "examples" / "images" / "scene.jpg")), (960, 540))


def pictures() -> list[Picture]:
    frame = av.VideoFrame.from_ndarray(scene(), format="bgr24").reformat(format="yuv420p")
    return [VideoPicture(frame), ArrayPicture(scene())]


@pytest.mark.parametrize("made", pictures(), ids=["yuv", "bgr"])
def test_a_scaled_jpeg_is_the_scaled_picture(made: Picture) -> None:
    jpeg = made.jpeg(95, 480)
    decoded = cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR)
    assert (jpeg.width, jpeg.height) == (480, 270) == decoded.shape[1::-1]
    expected = cv2.resize(made.bgr(), (480, 270), interpolation=cv2.INTER_AREA)
    difference = np.abs(decoded.astype(int) - expected)
    assert difference.mean() < 4
    assert abs(decoded.mean(axis=(0, 1)) - expected.mean(axis=(0, 1))).max() < 2  # no colour is shifted


@pytest.mark.parametrize("made", pictures(), ids=["yuv", "bgr"])
def test_it_is_never_enlarged_and_made_once(made: Picture) -> None:
    assert made.fitted(0) == made.fitted(4000) == (960, 540)
    assert made.jpeg(90, 4000) is made.jpeg(90, 4000)
    assert made.bgr() is made.bgr()
    assert made.bgr().shape == (540, 960, 3)
    assert made.grey(160, 90).shape == (90, 160)


def test_what_was_encoded_before_in_the_same_thread_changes_nothing() -> None:
    def encoded(colours: Colorspace, kind: str) -> bytes:
        frame = av.VideoFrame.from_ndarray(scene(), format="bgr24").reformat(format=kind)
        frame.colorspace = colours
        picture = VideoPicture(frame)
        return picture.jpeg(90, 480).data + picture.grey(160, 90).tobytes()

    wanted = [(colours, kind) for colours in (Colorspace.ITU709, Colorspace.ITU601) for kind in ("yuv420p", "yuvj420p")]
    alone = []
    for one in wanted:
        with ThreadPoolExecutor(1) as fresh:
            alone.append(fresh.submit(encoded, *one).result())
    for _ in range(2):
        assert [encoded(*one) for one in wanted] == alone
        assert [encoded(*one) for one in reversed(wanted)] == alone[::-1]
    assert alone[0] != alone[2], "BT.709 is converted"
