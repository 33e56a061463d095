"""Outline what boxes hold, with SAM2."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import supervision as sv
from pydantic import Field

from shared.workflows import detections as columns
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import BoolRef, FloatRef, ImageRef, Selector, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall
from shared.workflows.rows import from_rows, unrolled

BoxesRef = Annotated[str, Selector(kinds.OBJECTS, kinds.INSTANCES, kinds.KEYPOINTS)]
TASK = "promptable-segmentation"
ALONE = {"class": "foreground", "class_id": 0}
"""What a mask is called that no box asked for."""


class SegmentAnything2(Block):
    """An instance for each box, with the box's class; masks below ``threshold`` and empty ones are left out.

    Without ``boxes`` the model outlines what stands out; an image whose boxes are none is not asked about. The model's
    id is ``sam2/`` and the version.
    """

    ids = ("roboflow_core/segment_anything@v1",)
    category = "model"
    label = "Segment Anything 2 Model"
    summary = "Outline the objects in boxes, with SAM2."
    batch = ("images", "boxes")
    outputs = {"predictions": (kinds.INSTANCES,)}

    class Fields(StepFields):
        """``boxes`` are detections; ``multimask_output`` lets the model choose the best of several masks."""

        images: ImageRef
        boxes: BoxesRef | None = None
        version: StrRef | Literal["hiera_large", "hiera_small", "hiera_tiny", "hiera_b_plus"] = "hiera_tiny"
        threshold: FloatRef | float = 0.0
        multimask_output: bool | BoolRef | None = True
        hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")

    def run(
        self,
        images: Batch[WorkflowImage],
        boxes: Batch[sv.Detections] | None,
        version: str,
        threshold: float,
        multimask_output: bool | None,
        hardware: str | None = None,
    ) -> list[dict[str, Any]]:
        """Instances for each image."""
        given = list(boxes) if boxes is not None else [None] * len(images)
        made: list[dict[str, Any]] = []
        for image, asked in zip(images, given, strict=True):
            if asked is not None and not len(asked):
                made.append({"predictions": columns.attach(columns.empty(), image)})
                continue
            prompts = [] if asked is None else [{"box": [float(v) for v in box]} for box in asked.xyxy]
            params = {"prompts": prompts, "multimask_output": multimask_output is not False, "mask_format": "rle"}
            (answer,) = self.services.models.infer(ModelCall(f"sam2/{version}", [image], TASK, params, hardware))
            made.append({"predictions": _instances(answer["predictions"], asked, image, threshold)})
        return made


def _instances(
    masks: list[dict[str, Any]], asked: sv.Detections | None, image: WorkflowImage, threshold: float
) -> sv.Detections:
    rows = []
    for i, found in enumerate(masks):
        height, width = found["masks"]["size"]
        mask = unrolled(found["masks"]["counts"], height, width)
        if mask.any() and found["confidence"] >= threshold:
            named = ALONE if asked is None else _named(asked, i)
            rows.append({**_around(mask), "confidence": found["confidence"], "rle": found["masks"], **named})
    more = {columns.PREDICTION_TYPE: "instance-segmentation", columns.INFERENCE_ID: str(uuid4())}
    return from_rows(rows, image.size, image, **more)


def _named(asked: sv.Detections, i: int) -> dict[str, Any]:
    class_id = 0 if asked.class_id is None else int(asked.class_id[i])
    return {"class": str(asked.data[columns.CLASS_NAME][i]), "class_id": class_id}


def _around(mask: npt.NDArray[np.bool_]) -> dict[str, float]:
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x0, y0, x1, y1 = float(xs[0]), float(ys[0]), float(xs[-1] + 1), float(ys[-1] + 1)
    return {"x": (x0 + x1) / 2, "y": (y0 + y1) / 2, "width": x1 - x0, "height": y1 - y0}
