"""One class for each track."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import supervision as sv
from pydantic import Field

from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.blocks.transformations.stabilize_detections import tracker_ids
from shared.workflows.detections import CLASS_NAME, copied, names
from shared.workflows.fields import FractionRef, ImageRef, IntRef, Selector, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.per_video import PerVideo
from shared.workflows.services import Services
from shared.workflows.tracking.class_lock import ClassLock, LockRules

LOCKED = "class_locked"


class TrackClassLock(Block):
    """A majority of confident frames decides; a locked class changes only after an unbroken row of another one."""

    ids = ("roboflow_core/track_class_lock@v1",)
    label = "Track Class Lock"
    summary = "Keep each tracked object at the class that it was mostly seen as."
    category = "transformation"
    outputs = {"tracked_detections": (*kinds.BOXES, kinds.RLE_INSTANCES)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """When a class is locked, when it changes, when a new id inherits a lock: see ``LockRules``."""

        image: ImageRef
        detections: Annotated[str, Selector(*kinds.BOXES, kinds.RLE_INSTANCES)]
        min_votes: Annotated[int, Field(ge=1)] | IntRef = 10
        vote_confidence: Annotated[float, Field(ge=0, le=1)] | FractionRef = 0.8
        lead_margin: Annotated[int, Field(ge=0)] | IntRef = 3
        switch_after: Annotated[int, Field(ge=1)] | IntRef = 15
        state_ttl: Annotated[int, Field(ge=1)] | IntRef = 300
        reattach_window: Annotated[int, Field(ge=0)] | IntRef = 30
        reattach_iou: Annotated[float, Field(ge=0, le=1)] | FractionRef = 0.3

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._locks: PerVideo[ClassLock] = PerVideo(ClassLock)

    def run(self, image: WorkflowImage, detections: sv.Detections, **values: Any) -> dict[str, Any]:
        """The detections with locked classes, their mean confidence, and ``class_locked`` for each."""
        rules = LockRules(**values)
        ids = tracker_ids(detections, "The track class lock")
        lock = self._locks.of(image.video_metadata)
        lock.begin_frame({id_ for id_ in ids if id_ >= 0}, rules)
        made = copied(detections)
        count = len(made)
        confidence = np.ones(count, np.float32) if made.confidence is None else made.confidence
        classes = names(made) or ([] if made.class_id is None else [str(id_) for id_ in made.class_id])
        held = np.zeros(count, bool)
        for i, id_ in enumerate(ids):
            if id_ < 0 or not classes or not classes[i]:
                continue
            class_id = None if made.class_id is None else int(made.class_id[i])
            locked = lock.see(id_, made.xyxy[i], (classes[i], class_id, float(confidence[i])), rules)
            if locked is None:
                continue
            held[i], classes[i], confidence[i] = True, locked.name, locked.confidence
            if made.class_id is not None and locked.class_id is not None:
                made.class_id[i] = locked.class_id
        made.confidence = confidence
        if CLASS_NAME in made.data:
            made.data[CLASS_NAME] = np.array(classes, dtype=str)
        made.data[LOCKED] = held
        return {"tracked_detections": made}
