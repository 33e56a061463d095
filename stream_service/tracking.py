"""Objects of one source followed over its frames (ByteTrack)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from shared.workflows.tracking.bytetrack import NO_ID, ByteTrack


class Tracker:
    """Gives predictions a ``tracker_id``; ids begin at 1 and are of this source only."""

    def __init__(self) -> None:
        self._tracks = ByteTrack()

    def follow(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The answer with a ``tracker_id`` at each object that is being followed, None at the others."""
        rows = answer.get("predictions")
        if not isinstance(rows, list) or (rows and "x" not in rows[0]):
            return dict(answer)
        corners = [(row["x"], row["y"], row["width"] / 2, row["height"] / 2) for row in rows]
        boxes = np.asarray([(x - w, y - h, x + w, y + h) for x, y, w, h in corners], float).reshape(-1, 4)
        ids = self._tracks.update(boxes, np.asarray([row["confidence"] for row in rows], float))
        named = [None if number == NO_ID else int(number) for number in ids.tolist()]
        return {**answer, "predictions": [{**row, "tracker_id": one} for row, one in zip(rows, named, strict=True)]}

    def reset(self) -> None:
        """Forget everything: the source was connected anew."""
        self._tracks = ByteTrack()
