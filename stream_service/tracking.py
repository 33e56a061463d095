"""Objects of one source followed over its frames: ByteTrack (Zhang et al. 2022), supervision's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Tracker:
    """Gives predictions a ``tracker_id``; ids begin at 1 and are of this source only."""

    def __init__(self, fps: float = 30.0) -> None:
        self._fps = fps
        self._tracker: Any = None

    def follow(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The answer with a ``tracker_id`` at each object that is being followed, None at the others."""
        rows = answer.get("predictions")
        if not isinstance(rows, list) or (rows and "x" not in rows[0]):
            return dict(answer)
        import numpy as np  # noqa: PLC0415 - with supervision
        import supervision as sv  # noqa: PLC0415 - seconds of imports, for those only who track

        if self._tracker is None:
            self._tracker = sv.ByteTrack(frame_rate=max(1, round(self._fps)))
        boxes = [
            (row["x"] - row["width"] / 2, row["y"] - row["height"] / 2)
            + (row["x"] + row["width"] / 2, row["y"] + row["height"] / 2)
            for row in rows
        ]
        found = sv.Detections(
            xyxy=np.asarray(boxes, np.float32).reshape(-1, 4),
            confidence=np.asarray([row["confidence"] for row in rows], np.float32),
            class_id=np.asarray([row.get("class_id", 0) for row in rows], int),
            data={"row": np.arange(len(rows))},
        )
        followed = self._tracker.update_with_detections(found)
        ids = {int(row): int(number) for row, number in zip(followed.data.get("row", ()), followed.tracker_id, strict=True)}
        return {**answer, "predictions": [{**row, "tracker_id": ids.get(index)} for index, row in enumerate(rows)]}

    def reset(self) -> None:
        """Forget everything: the source was connected anew."""
        self._tracker = None
