"""Upload pictures, with what was seen on them, to a dataset at Roboflow."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

import cv2
from pydantic import Field, ValidationError

from shared.datasets.batch import Batching, batch_name
from shared.datasets.picture import DatasetPicture
from shared.datasets.roboflow import RoboflowDataset
from shared.drawing.annotate import scaled
from shared.errors import InvalidRequest
from shared.workflows import kinds, serialise
from shared.workflows.batch import Batch
from shared.workflows.blocks.sinks._allowance import Allowance
from shared.workflows.fields import AnyRef, BoolRef, FloatRef, ImageRef, ListRef, Selector, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.sink import Sink

Interval = Literal["never", "daily", "weekly", "monthly"]
ProjectRef = Annotated[str, Selector(kinds.PROJECT)]
PredictionsRef = Annotated[str, Selector(*kinds.BOXES, kinds.CLASSIFICATION)]
PROJECT = re.compile(r"[A-Za-z0-9._-]{1,200}")
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
PREFIX = "workflows_data_collector"
NO_KEY = "This server uploads nothing: set VISIONFLEET_WORKFLOW_ROBOFLOW_API_KEY to Roboflow's key."
WINDOWS = ("minutely", "hourly", "daily")


class RoboflowDatasetUpload(Sink):
    """Within limits by the minute, hour and day that all steps with the same ``usage_quota_name`` share."""

    ids: ClassVar[tuple[str, ...]] = ("roboflow_core/roboflow_dataset_upload@v1", "RoboflowDatasetUpload")
    label = "Roboflow Dataset Upload"
    summary = "Upload pictures, with what was seen on them, to a dataset at Roboflow."
    batch: ClassVar[tuple[str, ...]] = ("image", "predictions", "image_name")
    stateful = True

    class Fields(StepFields):
        """``max_image_size``: width and height in pixels; ``compression_level``: JPEG quality."""

        image: ImageRef
        predictions: PredictionsRef | None = None
        target_project: ProjectRef | str
        minutely_usage_limit: int = 10
        hourly_usage_limit: int = 100
        daily_usage_limit: int = 1000
        usage_quota_name: str
        max_image_size: tuple[int, int] = (512, 512)
        compression_level: int = Field(75, ge=1, le=100)
        registration_tags: list[StrRef | str] | ListRef = Field(default_factory=list)
        persist_predictions: bool = True
        disable_sink: bool | BoolRef = False
        fire_and_forget: bool | BoolRef = True
        labeling_batch_prefix: str | StrRef = PREFIX
        labeling_batches_recreation_frequency: Interval = "never"
        image_name: str | StrRef | None = None

    _chance = random.SystemRandom().random

    def run(self, **options: Any) -> list[dict[str, Any]]:
        """Uploads each image, and tells what came of it."""
        images = options["image"] if "image" in options else options["images"]
        count = len(images)
        each = zip(images, _each(options["predictions"], count), _each(options["image_name"], count), strict=True)
        return [self._one(image, seen, name, options) for image, seen, name in each]

    def _one(self, image: WorkflowImage, seen: Any, name: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
        if self._chance() * 100 >= options.get("data_percentage", 100):
            return self.answer(message="Left out by data_percentage.")
        return self.deliver(
            partial(self._upload, image, seen, name, options),
            disabled=options["disable_sink"],
            in_background=options["fire_and_forget"],
        )

    def _upload(self, image: WorkflowImage, seen: Any, name: str | None, options: Mapping[str, Any]) -> str:
        settings, project = self.services.settings, str(options["target_project"]).rpartition("/")[2]
        key = settings.workflow_roboflow_api_key
        if key is None or not key.get_secret_value():
            raise InvalidRequest(NO_KEY)
        if not PROJECT.fullmatch(project) or not project.strip("."):
            raise InvalidRequest("target_project is the id of a project at Roboflow.")
        limits = {window: options[f"{window}_usage_limit"] for window in WINDOWS}
        allowance = Allowance(self.services, project, options["usage_quota_name"], limits)
        picture = self._picture(image, seen, name, options)
        if not allowance.take():
            return "Not uploaded: the quota is used up."
        stored = False
        try:
            stored = asyncio.run(_store(settings.workflow_roboflow_url, project, key.get_secret_value(), picture))
        finally:
            if not stored:
                allowance.give_back()
        return "Uploaded." if stored else "The dataset has this picture already."

    def _picture(self, image: WorkflowImage, seen: Any, name: str | None, options: Mapping[str, Any]) -> DatasetPicture:
        prefix, interval = options["labeling_batch_prefix"], options["labeling_batches_recreation_frequency"]
        try:
            batching = Batching(batches_name_prefix=prefix, recreation_interval=interval)
        except ValidationError:
            raise InvalidRequest("labeling_batch_prefix is up to 64 letters, digits, - and _.") from None
        small = _fitted(image, options["max_image_size"])
        width, height = small.size
        answer = serialise.write(seen) if seen is not None and options["persist_predictions"] else None
        if answer and isinstance(answer.get("predictions"), list):
            located = answer["predictions"] and "x" in answer["predictions"][0]
            answer = scaled(answer, width, height) if located else answer
        return DatasetPicture(
            name=UNSAFE.sub("_", name)[:200] if name else str(uuid4()),
            jpeg=small.jpeg(options["compression_level"]),
            batch=batch_name(batching, self.services.now()),
            tags=tuple(str(tag) for tag in options["registration_tags"]),
            answer=answer,
            metadata=serialise.write(options.get("metadata") or {}),
        )


class RoboflowDatasetUploadV2(RoboflowDatasetUpload):
    """As v1, for a share of the images, and with metadata for each picture."""

    ids = ("roboflow_core/roboflow_dataset_upload@v2",)
    batch = ("images", "predictions", "image_name")

    class Fields(StepFields):
        """``data_percentage`` of the images are uploaded, by chance."""

        images: ImageRef
        target_project: ProjectRef | str
        predictions: PredictionsRef | None = None
        data_percentage: float | FloatRef = 100
        minutely_usage_limit: int = 10
        hourly_usage_limit: int = 100
        daily_usage_limit: int = 1000
        usage_quota_name: str
        max_image_size: tuple[int, int] = (1920, 1080)
        compression_level: int = Field(95, ge=1, le=100)
        registration_tags: list[StrRef | str] | ListRef = Field(default_factory=list)
        persist_predictions: bool | BoolRef = True
        disable_sink: bool | BoolRef = False
        fire_and_forget: bool | BoolRef = True
        labeling_batch_prefix: str | StrRef = PREFIX
        labeling_batches_recreation_frequency: Interval = "never"
        image_name: str | StrRef | None = None
        metadata: dict[str, str | int | float | bool | AnyRef] = Field(default_factory=dict)


def _each(value: Any, count: int) -> list[Any]:
    return value.broadcast(count) if isinstance(value, Batch) else [value] * count


def _fitted(image: WorkflowImage, most: tuple[int, int]) -> WorkflowImage:
    """The image, made smaller where it does not fit into that width and height."""
    width, height = image.size
    factor = min(max(most[0], 1) / width, max(most[1], 1) / height)
    if factor >= 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return image.replaced(cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]


async def _store(url: str, project: str, key: str, picture: DatasetPicture) -> bool:
    dataset = RoboflowDataset(url, project, key)
    try:
        return await dataset.store(picture)
    finally:
        await dataset.close()
