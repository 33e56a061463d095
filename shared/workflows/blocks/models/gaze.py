"""Find faces and say where they look."""

from __future__ import annotations

from math import degrees
from typing import Any
from uuid import uuid4

from pydantic import Field

from shared.workflows import detections as columns
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import BoolRef, ImageRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall
from shared.workflows.rows import from_rows

MODEL, TASK = "gaze/L2CS", "gaze-detection"


class Gaze(Block):
    """``face_predictions`` are the faces with their points, ``yaw_degrees`` and ``pitch_degrees`` a number for each.

    Yaw is positive to the left of the picture, pitch upwards. The model's id is ``gaze/L2CS``.
    """

    ids = ("roboflow_core/gaze@v1",)
    category = "model"
    label = "Gaze Detection"
    summary = "Find faces and say where they look."
    batch = ("images",)
    outputs = {
        "face_predictions": (kinds.KEYPOINTS,),
        "yaw_degrees": (kinds.FLOAT,),
        "pitch_degrees": (kinds.FLOAT,),
    }

    class Fields(StepFields):
        """Images, and whether each is a face already."""

        images: ImageRef
        do_run_face_detection: bool | BoolRef = True
        hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")

    def run(
        self, images: Batch[WorkflowImage], do_run_face_detection: bool = True, hardware: str | None = None
    ) -> list[dict[str, Any]]:
        """One answer per image."""
        params = {"find_faces": do_run_face_detection}
        answers = self.services.models.infer(ModelCall(MODEL, list(images), TASK, params, hardware))
        return [_outputs(answer["predictions"], image) for answer, image in zip(answers, images, strict=True)]


def _outputs(found: list[dict[str, Any]], image: WorkflowImage) -> dict[str, Any]:
    more = {columns.PREDICTION_TYPE: "keypoint-detection", columns.INFERENCE_ID: str(uuid4())}
    return {
        "face_predictions": from_rows([_face(each["face"]) for each in found], image.size, image, **more),
        "yaw_degrees": [degrees(each["yaw"]) for each in found],
        "pitch_degrees": [degrees(each["pitch"]) for each in found],
    }


def _face(face: dict[str, Any]) -> dict[str, Any]:
    """The landmarks as keypoints."""
    points = [{**point, "confidence": 1.0, "class_id": i} for i, point in enumerate(face["landmarks"])]
    return {**face, "keypoints": points}
