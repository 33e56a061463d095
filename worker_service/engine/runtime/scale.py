"""What makes values of pixels, apart from where it is done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Value = pixel * factor + shift, by channel of the values; pixels may hold the channels ``reversed``."""

    factor: tuple[float, float, float]
    shift: tuple[float, float, float]
    reversed: bool = False


@dataclass(frozen=True)
class Pixels:
    """So many images [height, width, 3] uint8 that become values [3, height, width] of a type."""

    count: int
    plane: int
    """Pixels of one image."""
    dtype: str
    scale: Scale
