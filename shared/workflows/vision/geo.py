"""Where on the ground a picture's points lie, for a camera that looks straight down."""

from __future__ import annotations

import math
from dataclasses import dataclass

METERS_PER_DEGREE = 111_320.0
"""Length of a degree of latitude; of a degree of longitude at the equator."""


@dataclass(frozen=True)
class Nadir:
    """A pinhole camera over flat ground.

    Attributes:
        latitude: degrees.
        longitude: degrees.
        altitude: metres above the ground; at 0 or below every point is the camera's own.
        horizontal_fov: degrees across the picture's width.
        heading: degrees clockwise from north to which the picture's upper side points.
    """

    latitude: float
    longitude: float
    altitude: float
    horizontal_fov: float = 73.7
    heading: float = 0.0

    def locate(self, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
        """Latitude and longitude of a pixel of a picture of that width and height."""
        if self.altitude <= 0:
            return self.latitude, self.longitude
        width, height = size
        metres_per_pixel = 2 * self.altitude * math.tan(math.radians(self.horizontal_fov) / 2) / width
        right, up = (x - width / 2) * metres_per_pixel, (height / 2 - y) * metres_per_pixel
        turn = math.radians(self.heading)
        east = right * math.cos(turn) + up * math.sin(turn)
        north = up * math.cos(turn) - right * math.sin(turn)
        shrunk = METERS_PER_DEGREE * math.cos(math.radians(self.latitude))
        return self.latitude + north / METERS_PER_DEGREE, self.longitude + east / shrunk
