"""The log of objects that stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows.blocks.analytics.detection_event_log import DetectionEventLog
from shared.workflows.images import VideoMetadata
from shared.workflows.testing import make, run_block
from tests.unit.workflows.pictures import found, image


def look(block: Any, number: int, *ids: int, name: str = "cam", **fields: Any) -> dict[str, Any]:
    video = VideoMetadata(name, frame_number=number, fps=10, comes_from_video_file=True)
    scene = image(np.zeros((40, 60, 3)), video)
    boxes = found(scene, *[(i, 0, i + 5, 9) for i in ids], tracker_id=list(ids)) if ids else found(scene)
    given = {"frame_threshold": 3, "flush_interval": 2, "stale_frames": 4, **fields}
    answer: dict[str, Any] = run_block(block, image=scene, detections=boxes, **given)
    return answer


def test_an_object_is_pending_then_logged_then_complete() -> None:
    block = make(DetectionEventLog)
    totals, complete = [], {}
    for number in range(10):
        ids = [1] if number < 4 else []
        out = look(block, number, *ids, *([2] if number == 1 else []), reference_timestamp=1000.0)
        totals.append((out["total_logged"], out["total_pending"]))
        complete |= out["complete_events"]
    # 2 is seen once, in the second frame, and taken out at the sixth; 1 is seen four times and taken out at the eighth
    assert totals == [(0, 1), (0, 2), (1, 1), (1, 1), (1, 1), *[(1, 0)] * 5]
    assert complete == {
        "1": {
            "tracker_id": 1, "class_name": "cat", "frame_count": 4,
            "first_seen_frame": 1, "first_seen_relative": 0.0, "first_seen_timestamp": 1000.0,
            "last_seen_frame": 4, "last_seen_relative": pytest.approx(0.3),
            "last_seen_timestamp": pytest.approx(1000.3),
        }
    }  # fmt: skip
    assert out["event_log"] == {"logged": {}, "pending": {}}


def test_videos_are_apart_and_a_tracker_is_needed() -> None:
    block = make(DetectionEventLog)
    for number in range(3):
        look(block, number, 1)
    other = look(block, 3, 1, name="other")
    assert (other["total_logged"], list(other["event_log"]["pending"])) == (0, ["1"])
    assert other["event_log"]["pending"]["1"]["first_seen_timestamp"] > 1e9, "Unix seconds of its own clock"
    scene = image(np.zeros((40, 60, 3)))
    with pytest.raises(InvalidRequest, match="tracker"):
        run_block(block, image=scene, detections=found(scene, (0, 0, 5, 5)))
