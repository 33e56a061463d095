"""Ask Florence-2 one of its tasks, or anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import supervision as sv
from pydantic import Field
from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, ListRef, ModelIdRef, Selector, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

BINS = 1000
TASKS: dict[str, str] = {
    "open-vocabulary-object-detection": "<OPEN_VOCABULARY_DETECTION>",
    "ocr": "<OCR>",
    "ocr-with-text-detection": "<OCR_WITH_REGION>",
    "caption": "<CAPTION>",
    "detailed-caption": "<DETAILED_CAPTION>",
    "more-detailed-caption": "<MORE_DETAILED_CAPTION>",
    "object-detection-and-caption": "<DENSE_REGION_CAPTION>",
    "object-detection": "<OD>",
    "phrase-grounded-object-detection": "<CAPTION_TO_PHRASE_GROUNDING>",
    "phrase-grounded-instance-segmentation": "<REFERRING_EXPRESSION_SEGMENTATION>",
    "detection-grounded-instance-segmentation": "<REGION_TO_SEGMENTATION>",
    "detection-grounded-classification": "<REGION_TO_CATEGORY>",
    "detection-grounded-caption": "<REGION_TO_DESCRIPTION>",
    "detection-grounded-ocr": "<REGION_TO_OCR>",
    "region-proposal": "<REGION_PROPOSAL>",
}
"""The model's own name of each task; ``custom`` has none."""
TaskType = Literal[
    "open-vocabulary-object-detection", "ocr", "ocr-with-text-detection", "caption", "detailed-caption",
    "more-detailed-caption", "object-detection-and-caption", "object-detection", "phrase-grounded-object-detection",
    "phrase-grounded-instance-segmentation", "detection-grounded-instance-segmentation",
    "detection-grounded-classification", "detection-grounded-caption", "detection-grounded-ocr", "region-proposal",
    "custom",
]  # fmt: skip
NEEDS = {
    "open-vocabulary-object-detection": "classes",
    "phrase-grounded-object-detection": "prompt",
    "phrase-grounded-instance-segmentation": "prompt",
    "custom": "prompt",
    **dict.fromkeys([task for task in TASKS if task.startswith("detection-grounded")], "grounding_detection"),
}
"""The field that a task cannot do without."""
NAMES_CLASSES = {"<OD>", "<DENSE_REGION_CAPTION>", "<CAPTION_TO_PHRASE_GROUNDING>", "<OCR_WITH_REGION>"}
"""Tasks whose labels are the classes of what was found."""
CHOICES: dict[str, Callable[[sv.Detections], int]] = {
    "first": lambda found: 0,
    "last": lambda found: len(found) - 1,
    "biggest": lambda found: int(np.argmax(found.area)),
    "smallest": lambda found: int(np.argmin(found.area)),
    "most-confident": lambda found: int(np.argmax(_confidence(found))),
    "least-confident": lambda found: int(np.argmin(_confidence(found))),
}
Boxes = Annotated[str, Selector(kinds.OBJECTS, kinds.INSTANCES, kinds.KEYPOINTS)]


class Asking(StepFields):
    """Which of ``prompt``, ``classes`` and ``grounding_detection`` is needed, the task says.

    ``grounding_detection`` is a box as [x1, y1, x2, y2], whole pixels or fractions of the image, or detections of which
    ``grounding_selection_mode`` takes one; an image without any is not asked.
    """

    images: ImageRef
    task_type: TaskType = "open-vocabulary-object-detection"
    prompt: StrRef | str | None = None
    classes: ListRef | list[str] | None = None
    grounding_detection: list[int] | list[float] | Boxes | ListRef | None = None
    grounding_selection_mode: Literal["first", "last", "biggest", "smallest", "most-confident", "least-confident"] = (
        "first"
    )
    hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")


class Florence2(Block):
    """``raw_output`` is the answer as JSON text, which the blocks ``vlm_as_detector`` read; ``parsed_output`` the same
    where it has places."""

    ids = ("roboflow_core/florence_2@v1",)
    category = "model"
    label = "Florence-2 Model"
    summary = "Ask Florence-2 to find, read, describe or outline."
    batch = ("images",)
    batch_or_scalar = ("grounding_detection",)
    outputs = {
        "raw_output": (kinds.STRING, kinds.LLM_OUTPUT),
        "parsed_output": (kinds.DICTIONARY,),
        "classes": (kinds.LIST,),
    }

    class Fields(Asking):
        """The model's id is ``model_version``."""

        model_version: StrRef | Literal["florence-2-base", "florence-2-large"] = "florence-2-base"

    def run(self, images: Batch[WorkflowImage], model_version: str, **asking: Any) -> list[dict[str, Any]]:
        """One answer per image. Raises InvalidRequest for what the task needs and has not."""
        return self.ask(images, model_version, **asking)

    def ask(  # noqa: PLR0913 - one parameter per field
        self,
        images: Batch[WorkflowImage],
        model: str,
        *,
        task_type: str,
        prompt: str | None,
        classes: list[str] | None,
        grounding_detection: Any,
        grounding_selection_mode: str,
        hardware: str | None = None,
    ) -> list[dict[str, Any]]:
        """Images with the same prompt go out together."""
        given = {"prompt": prompt, "classes": classes, "grounding_detection": grounding_detection}
        needed = NEEDS.get(task_type)
        if needed is not None and given[needed] is None:
            raise InvalidRequest(f"The task {task_type!r} needs the field {needed!r}.")
        words: list[str | None] = [prompt or ""] * len(images)
        if needed == "classes":
            words = ["<and>".join(classes or [])] * len(images)
        elif needed == "grounding_detection":
            words = _regions(images, grounding_detection, CHOICES[grounding_selection_mode])
        elif needed is None:
            words = [""] * len(images)  # these tasks stand alone
        task = TASKS.get(task_type, "")
        answers: list[dict[str, Any]] = [dict.fromkeys(self.outputs) for _ in images]
        for one in sorted({word for word in words if word is not None}):
            places = [i for i, word in enumerate(words) if word == one]
            call = ModelCall(model, [images[i] for i in places], "lmm", {"prompt": task + one}, hardware)
            for i, answer in zip(places, self.services.models.infer(call), strict=True):
                answers[i] = _outputs(task, answer["response"], classes or [])
        return answers


class Florence2V2(Florence2):
    """As the first version, with the model's id in ``model_id``."""

    ids = ("roboflow_core/florence_2@v2",)

    class Fields(Asking):
        """The model's id is ``model_id``."""

        model_id: ModelIdRef | str = "florence-2-base"

    @override
    def run(  # type: ignore[override]  # its field has another name
        self, images: Batch[WorkflowImage], model_id: str, **asking: Any
    ) -> list[dict[str, Any]]:
        """One answer per image. Raises InvalidRequest for what the task needs and has not."""
        return self.ask(images, model_id, **asking)


def _outputs(task: str, response: Any, classes: list[str]) -> dict[str, Any]:
    said = response.get(task, response) if isinstance(response, dict) else response
    if not task and isinstance(response, dict) and response:
        said = next(iter(response.values()))  # a free prompt that named a task
    placed = isinstance(said, dict)
    found = said.get("labels", []) if placed and task in NAMES_CLASSES else classes
    return {"raw_output": json.dumps(said), "parsed_output": said if placed else None, "classes": found}


def _regions(images: Batch[WorkflowImage], given: Any, choose: Callable[[sv.Detections], int]) -> list[str | None]:
    """The region of each image as four places; None where nothing was detected."""
    if isinstance(given, (list, tuple)):
        return [_region(given, image.size) for image in images]
    rows = given if isinstance(given, Batch) else [given] * len(images)
    return [
        _region([int(v) for v in found.xyxy[choose(found)]], image.size) if found is not None and len(found) else None
        for image, found in zip(images, rows, strict=True)
    ]


def _region(box: Sequence[float], size: tuple[int, int]) -> str:
    corners = list(box[:4])
    if len(corners) != 4 or not all(isinstance(v, (int, float)) for v in corners):
        raise InvalidRequest("grounding_detection is a box of four numbers: [x1, y1, x2, y2].")
    whole = [isinstance(v, int) for v in corners]
    if any(whole) and not all(whole):
        raise InvalidRequest("grounding_detection is in whole pixels or in fractions of the image, not in both.")
    shares = [v / size[i % 2] for i, v in enumerate(corners)] if all(whole) else corners
    bins = [min(round(min(max(share, 0.0), 1.0) * BINS), BINS - 1) for share in shares]
    return "".join(f"<loc_{each}>" for each in bins)


def _confidence(found: sv.Detections) -> Any:
    return found.confidence if found.confidence is not None else np.ones(len(found))
