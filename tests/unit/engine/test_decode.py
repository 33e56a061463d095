from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from shared.decode import decode
from shared.errors import ImageTooLarge, InvalidImage

LIMIT = 10_000_000
OPTIONS: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}


def pixels(height: int = 40, width: int = 60) -> np.ndarray[Any, Any]:
    """A smooth RGB picture whose corners differ, so that every turn shows and JPEG keeps it."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 60)], axis=2).astype(np.uint8)


def encode(image: Pillow.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_every_allowed_format_decodes_to_bgr(kind: str) -> None:
    decoded = decode(encode(Pillow.fromarray(pixels()), kind, **OPTIONS.get(kind, {})), LIMIT)
    assert decoded.shape == (40, 60, 3)
    assert decoded.dtype == np.uint8
    # GIF keeps 256 colours, JPEG is lossy.
    assert np.abs(decoded[:, :, ::-1].astype(int) - pixels()).mean() < {"GIF": 12, "JPEG": 3}.get(kind, 0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_what_pillow_makes_of_it(orientation: int, kind: str) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    data = encode(Pillow.fromarray(pixels()), kind, exif=exif, **OPTIONS.get(kind, {}))
    stored = pixels()
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # orientation -> Pillow.Transpose, per the EXIF standard
    turned = Pillow.fromarray(stored)
    if orientation > 1:
        turned = turned.transpose(Pillow.Transpose(turns[orientation]))
    upright, raw = decode(data, LIMIT), decode(data, LIMIT, auto_orient=False)
    assert upright.shape == np.asarray(turned).shape
    assert np.abs(upright[:, :, ::-1].astype(int) - np.asarray(turned)).max() < 16
    assert raw.shape == (40, 60, 3)
    assert np.abs(raw[:, :, ::-1].astype(int) - stored).max() < 16


def test_first_frame_of_an_animation() -> None:
    frames = [Pillow.new("RGB", (30, 20), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    decoded = decode(encode(frames[0], "GIF", save_all=True, append_images=frames[1:]), LIMIT)
    assert decoded.shape == (20, 30, 3)
    assert decoded[5, 5].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
def test_grey_alpha_and_palette_become_three_channels(mode: str) -> None:
    decoded = decode(encode(Pillow.fromarray(pixels()).convert(mode), "PNG"), LIMIT)
    assert decoded.shape == (40, 60, 3)
    if mode in {"L", "LA", "1"}:
        assert (decoded[:, :, 0] == decoded[:, :, 2]).all()
    if mode == "RGBA":
        assert (decoded[:, :, ::-1] == pixels()).all()


def test_sixteen_bits_become_eight() -> None:
    deep = (pixels()[:, :, ::-1].astype(np.uint16) << 8) | 0x7F
    data = cv2.imencode(".png", deep)[1].tobytes()
    decoded = decode(data, LIMIT)
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - (deep >> 8)).max() <= 1


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8\xff\xe0", b"<svg/>", b"GIF89a", b"BM" + bytes(60)])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        decode(data, LIMIT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("part", [0.3, 0.7, 0.95])
def test_truncated_files_are_refused(kind: str, part: float) -> None:
    noisy = np.random.default_rng(3).integers(0, 256, (120, 160, 3), np.uint8)
    data = encode(Pillow.fromarray(noisy), kind)
    with pytest.raises(InvalidImage):
        decode(data[: int(len(data) * part)], LIMIT)


def test_a_thumbnail_does_not_hide_truncation() -> None:
    noisy = Pillow.fromarray(np.random.default_rng(3).integers(0, 256, (120, 160, 3), np.uint8))
    thumbnail = encode(noisy.resize((16, 12)), "JPEG")
    whole = encode(noisy, "JPEG")
    segment = b"Exif\0\0" + thumbnail
    data = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + whole[2:]
    assert decode(data, LIMIT).shape == (120, 160, 3)
    with pytest.raises(InvalidImage, match="truncated"):
        decode(data[:-200], LIMIT)


def test_progressive_and_trailing_bytes_are_fine() -> None:
    data = encode(Pillow.fromarray(pixels()), "JPEG", progressive=True)
    assert decode(data + b"trailer of a phone", LIMIT).shape == (40, 60, 3)


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (4_000, 4_000), (2**31 - 1, 2**31 - 1)])
def test_header_over_the_limit_is_refused_before_decoding(width: int, height: int) -> None:
    with pytest.raises(ImageTooLarge):
        decode(png_header(width, height), LIMIT)


def test_the_limit_itself_is_allowed() -> None:
    data = encode(Pillow.fromarray(pixels()), "PNG")
    assert decode(data, 2400).shape == (40, 60, 3)
    with pytest.raises(ImageTooLarge, match="60 x 40"):
        decode(data, 2399)
