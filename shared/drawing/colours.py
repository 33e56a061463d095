"""Colours of classes: always the same for one, far apart for neighbours, each with an ink that reads well on it."""

from __future__ import annotations

import colorsys

Colour = tuple[int, int, int]
"""Red, green, blue in 0..255."""
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
GOLDEN_RATIO = 0.618033988749895


def class_colour(class_id: int) -> Colour:
    """A colour that a class always has. Golden-ratio steps around the hues keep neighbours far apart."""
    hue = (class_id * GOLDEN_RATIO + 0.02) % 1.0
    value = (1.0, 0.8, 0.9)[class_id % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink(colour: Colour) -> Colour:
    """Black or white, whichever contrasts more."""
    return max((BLACK, WHITE), key=lambda text: contrast(text, colour))


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio of WCAG 2.2, from 1 (the same) to 21 (black and white)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: Colour) -> float:
    """Relative luminance of an sRGB colour as WCAG 2.2 defines it, 0 to 1."""
    parts = [value / 255 for value in colour]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
