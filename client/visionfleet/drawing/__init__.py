"""Results drawn on their images: with supervision where it is installed, else with Pillow alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionfleet.errors import InvalidImage, NotInstalled
from visionfleet.images import ImageUrl, is_array, load
from visionfleet.installed import importable

if TYPE_CHECKING:
    from PIL import Image

    from visionfleet.results import Result


def draw(result: Result, image: Any) -> Image.Image:
    """The result on the image. Raises NotInstalled, InvalidImage, UnsupportedTask."""
    try:
        canvas = opened(image)
    except ImportError:
        raise NotInstalled("Drawing needs Pillow: pip install pillow.") from None
    if importable("supervision"):
        from visionfleet.drawing import with_supervision as pencil  # noqa: PLC0415 - heavy, and only here
    else:
        from visionfleet.drawing import with_pillow as pencil  # type: ignore[no-redef]  # noqa: PLC0415 - the same
    return pencil.draw(result, canvas)


def opened(image: Any) -> Image.Image:
    """What callers have, as an RGB picture, upright as the server sees it. Raises InvalidImage."""
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - optional

    if image is None:
        raise InvalidImage("There is no image to draw on; give one: plot(image).")
    if is_array(image):
        return Image.fromarray(image[:, :, ::-1]).convert("RGB")
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    data = load(Path(image) if isinstance(image, Path) else image)
    if isinstance(data, ImageUrl):
        raise InvalidImage("The image is a URL, which is not fetched here; give the picture: plot(image).")
    try:
        return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    except UnidentifiedImageError as error:
        raise InvalidImage("The image cannot be decoded.") from error
