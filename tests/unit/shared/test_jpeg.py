"""The size of a plain JPEG, and that everything else is left to Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.decode import decode
from shared.errors import ImageTooLarge, InvalidImage
from shared.jpeg import plain_size

MANY = 10**8


def jpeg(width: int = 20, height: int = 10, mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(out, "JPEG", **options)
    return out.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
def test_plain_ones_tell_their_size(mode: str, progressive: bool) -> None:
    data = jpeg(mode=mode, progressive=progressive)
    assert plain_size(data) == (20, 10)
    assert decode(data, MANY).shape == (10, 20, 3)


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(exif=exif)


def test_what_may_mean_more_is_left_to_pillow() -> None:
    turned = with_exif()
    assert plain_size(turned) is None
    assert decode(turned, MANY).shape == (20, 10, 3)  # turned by its EXIF
    assert plain_size(jpeg(mode="CMYK")) is None
    assert plain_size(jpeg(icc_profile=b"profile")) is None


def test_damaged_and_doubled_headers_are_left_to_pillow() -> None:
    data = jpeg()
    frame = data.index(b"\xff\xc0")
    for broken in (
        b"",
        b"\xff\xd8",
        b"\x89PNG",
        data[: frame + 6],
        data[:frame] + data[frame : frame + 19] + data[frame:],  # two frames: the second could be a huge one
        data[: frame + 5] + b"\0\0" + data[frame + 7 :],  # height is told later
        data[: frame + 4] + b"\x0c" + data[frame + 5 :],  # 12 bits
        data[: frame + 1] + b"\xc9" + data[frame + 2 :],  # arithmetic
        data[: frame + 2] + b"\0\1" + data[frame + 4 :],  # a length that is none
    ):
        assert plain_size(broken) is None


def test_too_many_pixels_are_refused_by_the_header_alone() -> None:
    data = jpeg()
    frame = data.index(b"\xff\xc0")
    huge = data[: frame + 5] + b"\xff\xff\xff\xff" + data[frame + 9 :]
    assert plain_size(huge) == (65535, 65535)
    with pytest.raises(ImageTooLarge):
        decode(huge, MANY)
    with pytest.raises(ImageTooLarge, match="20 x 10"):
        decode(data, 199)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=6), st.integers(0, 900))
def test_a_size_that_is_told_is_that_of_the_pixels(changes: list[tuple[int, int]], cut: int) -> None:
    """Whatever bytes are changed or cut off: no picture comes out larger than its header was checked for."""
    data = bytearray(jpeg())
    for at, value in changes:
        data[at % len(data)] = value
    shorter = bytes(data[: len(data) - cut]) if cut % 3 == 0 else bytes(data)
    size = plain_size(shorter)
    try:
        pixels = decode(shorter, 10_000)
    except (InvalidImage, ImageTooLarge):
        return
    assert pixels.shape[0] * pixels.shape[1] <= 10_000
    if size is not None:
        assert (pixels.shape[1], pixels.shape[0]) == size
