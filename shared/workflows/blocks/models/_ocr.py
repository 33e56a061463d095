"""What blocks that read text share: their outputs."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from shared.workflows import detections as columns
from shared.workflows import kinds
from shared.workflows.block import Outputs
from shared.workflows.images import WorkflowImage
from shared.workflows.rows import from_rows

TASK = "ocr"
OUTPUTS: Outputs = {
    "result": (kinds.STRING,),
    "predictions": (kinds.OBJECTS,),
    "parent_id": (kinds.PARENT_ID,),
    "root_parent_id": (kinds.PARENT_ID,),
    "prediction_type": (kinds.PREDICTION_TYPE,),
}


def read(answer: dict[str, Any], image: WorkflowImage) -> dict[str, Any]:
    """The outputs for one image: the whole text, and a box for each piece with its text as the class."""
    more = {columns.PREDICTION_TYPE: TASK, columns.INFERENCE_ID: str(uuid4())}
    return {
        "result": answer["result"],
        "predictions": from_rows(answer.get("predictions") or [], image.size, image, **more),
        "parent_id": image.parent_id,
        "root_parent_id": image.root_id,
        "prediction_type": TASK,
    }
