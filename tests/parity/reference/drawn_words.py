"""Drawn pages on which nets learn in a minute where text is."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LETTERS = [*"0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~€ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"]
Box = tuple[float, float, float, float]


def page(draw: np.random.Generator, side: int, gap: float = 0.6) -> tuple[Image.Image, list[list[Box]]]:
    """A square page and its words, each as the corners of its characters; ``gap`` between them, in their heights."""
    paper, ink = (int(v) for v in (draw.integers(150, 256), draw.integers(0, 100)))
    picture = Image.new("RGB", (side, side), (paper, paper, int(draw.integers(150, 256))))
    words: list[list[Box]] = []
    top = int(draw.integers(10, 40))
    while top < side - 40:
        size = int(draw.integers(12, 36))
        words += line(picture, (int(draw.integers(12, 90)), top), size, gap, ink, draw)
        top += size + int(draw.integers(8, 40))
    return picture, words


def line(
    picture: Image.Image, at: tuple[int, int], size: int, gap: float, ink: int, draw: np.random.Generator
) -> list[list[Box]]:
    """Words beside one another."""
    font, pen = ImageFont.load_default(size), ImageDraw.Draw(picture)
    left, top = at
    words = []
    while left < picture.width - 6 * size:
        boxes: list[Box] = []
        for character in draw.choice(LETTERS, int(draw.integers(2, 9))):
            wide = max(2, round(font.getlength(character)))
            pen.text((left, top), character, font=font, fill=(ink, ink, ink))
            boxes.append((left, top + 0.1 * size, left + wide, top + 1.1 * size))
            left += wide
        words.append(boxes)
        left += round(gap * size)
    return words


def blackened(picture: Image.Image, draw: np.random.Generator) -> tuple[int, int]:
    """Black to the right and below, as pictures are filled up; where it begins, even numbers."""
    right, bottom = (picture.width - 2 * int(n) for n in draw.integers(0, 16, 2))
    picture.paste((0, 0, 0), (right, 0, picture.width, picture.height))
    picture.paste((0, 0, 0), (0, bottom, picture.width, picture.height))
    return right, bottom
