"""The pictures that every case is run on: sizes, ratios and formats that go wrong easily.

They are committed as files, so that no encoder's version matters. To draw them anew, which makes all golden files void:
``python -m tests.parity.pictures``
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tests.parity.drawing import draw

FOLDER = Path(__file__).parent / "pictures"
ORIENTATION = 0x0112


@dataclass(frozen=True)
class Recipe:
    """File name, stored width and height, shapes to try, seed, and what is special about the file."""

    name: str
    width: int
    height: int
    count: int
    seed: int
    mode: str = "RGB"
    orientation: int = 1


RECIPES = (
    Recipe("wide.jpg", 640, 360, 4, 1),
    Recipe("tall.jpg", 300, 500, 4, 2),
    Recipe("odd.jpg", 333, 217, 3, 3),
    Recipe("exact.jpg", 160, 160, 3, 4),
    Recipe("tiny.jpg", 37, 29, 1, 5),
    Recipe("huge.jpg", 2401, 1703, 5, 6),
    Recipe("strip.jpg", 760, 111, 5, 7),
    Recipe("grey.jpg", 320, 240, 3, 8, mode="L"),
    Recipe("alpha.png", 203, 151, 3, 9, mode="RGBA"),
    Recipe("turned.jpg", 400, 300, 4, 10, orientation=6),
    Recipe("mirrored.jpg", 280, 350, 3, 11, orientation=7),
    Recipe("blank.jpg", 97, 128, 0, 12),
)
NAMES = tuple(recipe.name for recipe in RECIPES)


def read(name: str) -> bytes:
    """The file, as a client would send it."""
    return (FOLDER / name).read_bytes()


def _encode(recipe: Recipe) -> bytes:
    drawing = draw(np.random.default_rng([9, recipe.seed]), recipe.width, recipe.height, recipe.count)
    picture = Image.fromarray(cv2.cvtColor(drawing.image, cv2.COLOR_BGR2RGB))
    if recipe.mode == "L":
        picture = picture.convert("L")
    if recipe.mode == "RGBA":
        slope = np.linspace(120, 255, recipe.width).astype(np.uint8)
        picture.putalpha(Image.fromarray(np.tile(slope, (recipe.height, 1))))
    exif = Image.Exif()
    exif[ORIENTATION] = recipe.orientation
    target = BytesIO()
    if recipe.name.endswith(".png"):
        picture.save(target, "PNG", optimize=True)
    else:
        picture.save(target, "JPEG", quality=80, exif=exif if recipe.orientation != 1 else Image.Exif())
    return target.getvalue()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for recipe in RECIPES:
        (FOLDER / recipe.name).write_bytes(_encode(recipe))


if __name__ == "__main__":
    main()
