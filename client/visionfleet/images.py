"""From what callers have (a path, bytes, a URL, an array, a PIL picture) to what is sent."""

from __future__ import annotations

import base64
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from visionfleet.errors import InvalidImage, NotInstalled

ImageInput: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | Any"
"""A path, an http(s) URL, the bytes of an image file, a uint8 array [H, W, 3] in BGR order, or a PIL image."""

# Good enough that no detector notices, and five to ten times fewer bytes than a lossless file.
JPEG_QUALITY = 95


@dataclass(frozen=True)
class ImageUrl:
    """An image that the server fetches itself."""

    url: str


def load(image: ImageInput) -> bytes | ImageUrl:
    """The bytes of an image file, or its URL.

    Arrays and PIL pictures are encoded as JPEG of quality 95; to lose nothing, pass the bytes of a PNG.

    Raises:
        InvalidImage: the file cannot be read, or the value is nothing of the above.
        NotInstalled: an array needs OpenCV or Pillow to be encoded.
    """
    if isinstance(image, str) and image.startswith(("http://", "https://")):
        return ImageUrl(image)
    if isinstance(image, (str, os.PathLike)):
        return read(Path(image))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return bytes(image)
    if is_array(image):
        return encode_array(image)
    if hasattr(image, "convert") and hasattr(image, "save"):
        return encode_pil(image)
    raise InvalidImage(f"An image is a path, URL, bytes, array or PIL image, not {type(image).__name__}.")


def read(path: Path) -> bytes:
    """The file's bytes. Raises InvalidImage, saying why it cannot be read."""
    if path.is_dir():
        raise InvalidImage(f"{path} is a folder; map(...) runs a model on every image in it.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidImage(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:  # a NUL in the name
        raise InvalidImage(f"Cannot read {str(path)!r}: {error}.") from error


def is_array(image: object) -> bool:
    """Whether it is a numpy array, found out without importing numpy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(image, numpy.ndarray)


def encode_array(pixels: Any) -> bytes:
    """A uint8 array [H, W, 3], BGR, as JPEG. Raises InvalidImage for another layout, NotInstalled without a codec."""
    if str(pixels.dtype) != "uint8" or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        shape = list(pixels.shape)
        raise InvalidImage(f"An array must be uint8 [height, width, 3] in BGR order, not {pixels.dtype} {shape}.")
    try:
        import cv2  # noqa: PLC0415 - optional: only those who pass arrays need it
    except ImportError:
        return _encode_with_pillow(pixels)
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])


def encode_pil(picture: Any) -> bytes:
    """A PIL picture of any mode as JPEG."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def reference(image: bytes | ImageUrl, *, packed: bool = False) -> dict[str, str | bytes]:
    """The image as the server's JSON wants it; as bytes when they can be sent as they are."""
    if isinstance(image, ImageUrl):
        return {"type": "url", "value": image.url}
    if packed:
        return {"type": "bytes", "value": image}
    return {"type": "base64", "value": base64.b64encode(image).decode("ascii")}


def _encode_with_pillow(pixels: Any) -> bytes:
    try:
        from PIL import Image  # noqa: PLC0415 - optional, see above
    except ImportError:
        raise NotInstalled(
            "Arrays need OpenCV or Pillow to be encoded: pip install pillow; or pass the bytes of an image file."
        ) from None
    return encode_pil(Image.fromarray(pixels[:, :, ::-1]))
