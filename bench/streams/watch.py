"""How old each answer is: told by the bar code of its picture, read by whoever is measured. Needs numpy only."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from tests.cameras.barcode import number_of


class Watch:
    """Notes (moment, camera, age in seconds) of answers; the camera's clock began at ``started``."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._started, self._fps, self._pictures = options["started"], options["fps"], options["pictures"]
        self._began = time.time()
        self._seconds = options["warm"] + options["seconds"]
        self._warm = options["warm"]
        self._rows: list[tuple[float, int, float]] = []

    @property
    def over(self) -> bool:
        """Whether it has been measured for long enough."""
        return time.time() - self._began > self._seconds

    def saw(self, camera: int, image: Any) -> None:
        """One answer has come; ``image`` is the frame (BGR) that it is for."""
        now = time.time()
        cycle = self._pictures / self._fps
        age = (now - self._started - number_of(image) / self._fps) % cycle
        if now - self._began > self._warm:
            self._rows.append((now - self._began - self._warm, camera, age))

    def tell(self) -> None:
        """Print what was seen, for the process that asked."""
        sys.stdout.write("RESULT " + json.dumps(self._rows) + "\n")
        sys.stdout.flush()


def options() -> dict[str, Any]:
    """What the process was asked to do."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given
