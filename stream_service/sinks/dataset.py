"""Active learning: pictures worth labelling, within limits, into a folder, a bucket or a Roboflow project."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any

from pydantic import Field, SecretStr, model_validator
from typing_extensions import override

from shared.datasets.allowance import Allowance
from shared.datasets.batch import Batching, batch_name
from shared.datasets.files import FileDataset
from shared.datasets.picture import DatasetPicture
from shared.datasets.roboflow import RoboflowDataset
from shared.datasets.strategy import Strategy
from shared.drawing.annotate import scaled
from shared.errors import InvalidRequest
from shared.redis import AsyncRedis, connect_async
from stream_service.answers import answer_of, objects_of
from stream_service.frame import FrameResult
from stream_service.output import output_of, safe, stamp
from stream_service.sink import Sink, SinkOptions

PRUNE_EVERY = 20


class DatasetOptions(SinkOptions):
    """What is collected, and where it goes."""

    sampling_strategies: list[Strategy] = Field(
        min_length=1, max_length=16, description="The first that picks a picture and has allowance left collects it."
    )
    batching_strategy: Batching = Field(default_factory=Batching, description="How pictures are grouped in batches.")
    url: str = Field(
        default="",
        max_length=1024,
        description="A URL of fsspec's under one of VISIONFLEET_STREAM_DATASET_URLS; else the stream's folder.",
    )
    project: str = Field(
        default="", max_length=200, pattern=r"^[A-Za-z0-9._-]*$", description="A Roboflow project, instead of files."
    )
    api_key: SecretStr = Field(default=SecretStr(""), max_length=200, description="Roboflow's key for that project.")
    tags: list[str] = Field(default_factory=list, max_length=20, description="Given to every picture.")
    max_image_size: int = Field(default=0, ge=0, le=7680, description="Longer side in pixels at most; 0 keeps it.")
    jpeg_compression_level: int = Field(default=95, ge=30, le=100, description="JPEG quality.")
    persist_predictions: bool = Field(default=True, description="Keep what the model saw, to be corrected.")
    max_mb: int = Field(default=5_000, ge=1, description="Megabytes that the stream's own folder keeps.")
    output: str = Field(default="", max_length=200, description="The workflow output that is looked at.")

    @model_validator(mode="after")
    def _one_place(self) -> DatasetOptions:
        if self.url and self.project:
            raise ValueError("give `url` or `project`, not both")
        if self.project and not self.api_key.get_secret_value():
            raise ValueError("`project` needs `api_key`")
        names = [strategy.name for strategy in self.sampling_strategies]
        if len(set(names)) < len(names):
            raise ValueError("two strategies have the same name")
        return self


class DatasetSink(Sink):
    """Limits hold over all replicas and restarts, because Redis counts."""

    NAME = "dataset"
    Options = DatasetOptions
    _client: AsyncRedis | None = None
    _roboflow: RoboflowDataset | None = None

    @override
    async def open(self) -> None:
        options, settings = self.options, self.context.settings
        self._count = 0
        self._chance = random.Random().random  # noqa: S311 - sampling, nothing secret
        if options.url and not allowed(options.url, settings.stream_dataset_urls):
            raise InvalidRequest("Datasets may not be written there: VISIONFLEET_STREAM_DATASET_URLS allows places.")
        self._client = self._client or connect_async(settings)
        place = options.url or options.project or f"{self.context.pipeline_id}/{self.context.name}"
        self._allowance = Allowance(self._client, sha256(place.encode()).hexdigest()[:16])
        if options.project:
            key = options.api_key.get_secret_value()
            self._roboflow = self._roboflow or RoboflowDataset(settings.stream_roboflow_url, options.project, key)
            return
        output = output_of(self.context, options.max_mb)
        if not options.url:
            await asyncio.to_thread(output.open)
        self._files = await asyncio.to_thread(FileDataset, options.url or str(output.folder.resolve()))
        self._output = output

    @override
    async def write(self, result: FrameResult) -> None:
        if not result.ok:
            return
        answer = answer_of(result, self.options.output)
        rows = objects_of(answer)
        now = datetime.fromtimestamp(result.frame.captured_at, timezone.utc)
        batching = self.options.batching_strategy
        batch = batch_name(batching, now)
        room = (batch, batching.max_batch_images) if batching.max_batch_images else None
        for strategy in self.options.sampling_strategies:
            if not strategy.picks(rows, self._chance):
                continue
            counters = self._allowance.counters(strategy.name, strategy.limits, now, room)
            if await self._allowance.take(counters):
                await self._keep(result, answer, strategy, batch, counters)
                return

    async def _keep(
        self,
        result: FrameResult,
        answer: dict[str, Any],
        strategy: Any,
        batch: str,
        counters: list[tuple[str, int, int]],
    ) -> None:
        """Store it; what was taken from the allowances is given back when that fails or it was there already."""
        stored = False
        try:
            picture = await asyncio.to_thread(self._picture, result, answer, strategy, batch)
            if self._roboflow is not None:
                stored = await self._roboflow.store(picture)
            else:
                stored = await asyncio.to_thread(self._write, picture)
        finally:
            if not stored:
                await self._allowance.give_back(counters)

    def _write(self, picture: DatasetPicture) -> bool:
        if self.options.url:
            return self._files.store(picture)
        self._output.room()
        stored = self._files.store(picture)
        self._count += 1
        if self._count % PRUNE_EVERY == 0:
            self._output.prune()
        return stored

    def _picture(self, result: FrameResult, answer: dict[str, Any], strategy: Any, batch: str) -> DatasetPicture:
        options, frame = self.options, result.frame
        jpeg = frame.picture.jpeg(options.jpeg_compression_level, options.max_image_size)
        kept = None
        if options.persist_predictions and isinstance(answer.get("predictions"), list):
            located = answer["predictions"] and "x" in answer["predictions"][0]
            kept = scaled(answer, jpeg.width, jpeg.height) if located else dict(answer)
            kept["image"] = {"width": jpeg.width, "height": jpeg.height}
        return DatasetPicture(
            name=f"{stamp(frame.captured_at)}-{safe(frame.source_id)}-{result.pipeline_id[:8]}-{frame.number}",
            jpeg=jpeg.data,
            batch=batch,
            tags=(*options.tags, *strategy.tags),
            answer=kept,
            facts={"captured_at": result.captured_iso, "source_id": frame.source_id, "strategy": strategy.name},
        )

    @override
    async def close(self) -> None:
        client, self._client = self._client, None
        roboflow, self._roboflow = self._roboflow, None
        if roboflow is not None:
            await roboflow.close()
        if client is not None:
            await client.aclose()


def allowed(url: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a place lies under one of the prefixes; no way leads up from there."""
    return ".." not in url and any(f"{url}/".startswith(f"{prefix.rstrip('/')}/") for prefix in prefixes)


SINK = DatasetSink
