"""Typed answers: one file per task. An answer of a task that has none is a plain ``Result`` with its ``raw``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from visionfleet.results.base import ImageSize, Result, common
from visionfleet.results.classification import Classification, ClassScore, classification
from visionfleet.results.depth import DepthMap, depth_map
from visionfleet.results.detection import Box, Detections, detections
from visionfleet.results.gaze import Gaze, Gazes, gazes
from visionfleet.results.keypoints import Keypoint, Pose, Poses, poses
from visionfleet.results.reading import Reading, reading
from visionfleet.results.segmentation import ClassMap, Instance, Instances, class_map, instances
from visionfleet.results.workflow import WorkflowOutputs, workflow_outputs
from visionfleet.results.writing import Writing, writing

__all__ = [
    "Box",
    "ClassMap",
    "ClassScore",
    "Classification",
    "DepthMap",
    "Detections",
    "Gaze",
    "Gazes",
    "ImageSize",
    "Instance",
    "Instances",
    "Keypoint",
    "Pose",
    "Poses",
    "Reading",
    "Result",
    "WorkflowOutputs",
    "Writing",
    "parse",
]

READERS: dict[str, Callable[[str, Mapping[str, Any], Mapping[str, float]], Result]] = {
    "object-detection": detections,
    "classification": classification,
    "multi-label-classification": classification,
    "instance-segmentation": instances,
    "keypoint-detection": poses,
    "semantic-segmentation": class_map,
    "depth-estimation": depth_map,
    "gaze-detection": gazes,
    "ocr": reading,
    "workflow": workflow_outputs,
    "lmm": writing,
    "open-vocabulary-detection": detections,
}


def parse(task: str, model: str, body: Mapping[str, Any], timings: Mapping[str, float] | None = None) -> Result:
    """An answer's dictionary as its task's dataclass. Raises BadAnswer."""
    reader = READERS.get("workflow" if not task and "outputs" in body else task)
    if reader is None:
        return Result(**common(task, model, body, timings or {}))
    return reader(model, body, timings or {})
