"""Image bytes to pixels. The header is read first: what is too large or no image costs nothing.

Pillow reads headers of the allowed formats only (``jpeg`` those of plain JPEGs), cv2 (several times faster) decodes the
pixels. libjpeg, libpng and friends fill missing data with grey instead of failing, so completeness is checked for each
format.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from shared.errors import ImageTooLarge, InvalidImage
from shared.jpeg import plain_size

Image: TypeAlias = npt.NDArray[np.uint8]

EXIF_ORIENTATION = 0x0112
MOST_SCANS = 200  # encoders write ten or so; an MPO has a picture more, and each may hold a thumbnail
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")

# What each EXIF orientation asks of the stored pixels, in cv2's terms: rotate first, then flip around an axis.
_ROTATE = {
    3: cv2.ROTATE_180,
    5: cv2.ROTATE_90_CLOCKWISE,
    6: cv2.ROTATE_90_CLOCKWISE,
    7: cv2.ROTATE_90_COUNTERCLOCKWISE,
    8: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
_FLIP = {2: 1, 4: 0, 5: 1, 7: 1}
_UNDO = {6: 8, 8: 6}  # the others are their own inverse

TURNED_BY_CV2 = ("TIFF",)  # libtiff turns pixels as it reads them, whatever cv2 is told


def decode(data: bytes, max_pixels: int, auto_orient: bool = True) -> Image:
    """Decode JPEG, PNG, WebP, BMP, TIFF or the first frame of a GIF to [H, W, 3] uint8 BGR.

    Grey becomes three equal channels, 16 bits become 8, alpha is dropped.

    Raises:
        InvalidImage: empty, not one of the formats, truncated or broken.
        ImageTooLarge: the header declares more than ``max_pixels``.
    """
    kind, orientation = _read_header(data, max_pixels)
    if not _COMPLETE.get(kind, _always)(data):
        raise InvalidImage(f"The {kind} image is truncated.")
    if kind in {"JPEG", "MPO"}:
        _check_scans(data)
    pixels = _read_pixels(data, kind)
    if auto_orient == (kind in TURNED_BY_CV2):
        return pixels
    return _orient(pixels, orientation if auto_orient else _UNDO.get(orientation, orientation))


def _read_header(data: bytes, max_pixels: int) -> tuple[str, int]:
    """Format and EXIF orientation."""
    if not data:
        raise InvalidImage("The image is empty (0 bytes).")
    if data.startswith(PNG_MAGIC) and len(data) >= 24:  # Pillow wants to see pixel data before it tells the size
        width, height = struct.unpack(">II", data[16:24])
        _check_size(width, height, max_pixels)
    plain = plain_size(data)
    if plain is not None:
        _check_size(*plain, max_pixels)
        return "JPEG", 1
    try:
        with Pillow.open(BytesIO(data), formats=FORMATS) as header:
            width, height = header.size
            kind = str(header.format)
            orientation = _orientation(header)
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise ImageTooLarge(
            f"The image has more than the {max_pixels} pixels allowed (VISIONFLEET_MAX_PIXELS)."
        ) from error
    except UnidentifiedImageError as error:
        raise InvalidImage("The data is no image in JPEG, PNG, WebP, BMP, GIF or TIFF format.") from error
    except Exception as error:  # Pillow's header parsers raise what they please on hostile bytes
        raise InvalidImage("The image's header is broken.") from error
    _check_size(width, height, max_pixels)
    return kind, orientation


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"The image is {width} x {height}; at most {max_pixels} pixels are decoded (VISIONFLEET_MAX_PIXELS).",
            width=width,
            height=height,
        )


def _orientation(header: Pillow.Image) -> int:
    """EXIF orientation 1..8; unreadable EXIF is no reason to refuse pixels that are fine."""
    try:
        value = header.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - same reason as for the header
        return 1
    return value if value in range(1, 9) else 1


def _read_pixels(data: bytes, kind: str) -> Image:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise InvalidImage(f"The {kind} image cannot be decoded: truncated, broken, or of an unusual variant.")
    return np.asarray(pixels, np.uint8)


def _orient(pixels: Image, orientation: int) -> Image:
    if orientation in _ROTATE:
        pixels = np.asarray(cv2.rotate(pixels, _ROTATE[orientation]), np.uint8)
    if orientation in _FLIP:
        pixels = np.asarray(cv2.flip(pixels, _FLIP[orientation]), np.uint8)
    return pixels


def _always(data: bytes) -> bool:
    del data
    return True


def _jpeg_is_complete(data: bytes) -> bool:
    """Whether an end marker follows the first scan; those in embedded thumbnails come before it and do not count."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:  # it lies at the end as a rule; a search reads all of the picture
            return data.endswith(b"\xff\xd9") or data.find(b"\xff\xd9", at) != -1
        standalone = marker in (0x01, 0xFF) or 0xD0 <= marker <= 0xD7
        at += (1 if marker == 0xFF else 2) if standalone else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def _check_scans(data: bytes) -> None:
    """A progressive JPEG of many scans costs a pass over all pixels for each, though it may be a few kilobytes."""
    values = np.frombuffer(data, np.uint8)
    if np.count_nonzero((values[:-1] == 0xFF) & (values[1:] == 0xDA)) > MOST_SCANS:  # a fifth of what bytes.count takes
        raise InvalidImage(f"The JPEG image has more than {MOST_SCANS} scans.")


def _png_is_complete(data: bytes) -> bool:
    """Whether the chunks lead to the end chunk."""
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + length
    return False


def _webp_is_complete(data: bytes) -> bool:
    return len(data) >= 12 and len(data) >= 8 + struct.unpack("<I", data[4:8])[0]


_COMPLETE: dict[str, Callable[[bytes], bool]] = {
    "JPEG": _jpeg_is_complete,
    "MPO": _jpeg_is_complete,
    "PNG": _png_is_complete,
    "WEBP": _webp_is_complete,
}
