"""Pictures of results in a folder: annotated or as they came, each with its answer beside it as JSON."""

from __future__ import annotations

import asyncio

from pydantic import Field
from typing_extensions import override

from shared.drawing.annotate import annotate
from stream_service.answers import Gate, GateOptions, answer_of, to_json
from stream_service.drawing import jpeg_of, reduced
from stream_service.frame import FrameResult
from stream_service.output import output_of, safe, stamp
from stream_service.sink import Sink

PRUNE_EVERY = 20


class ImagesOptions(GateOptions):
    """Which pictures, and how many are kept."""

    interval_s: float = Field(default=1.0, ge=0, le=86_400, description="Seconds at least between two of a source.")
    annotated: bool = Field(default=True, description="Draw what was found.")
    answers: bool = Field(default=True, description="Write the answer beside each picture, as JSON.")
    width: int = Field(default=0, ge=0, le=7680, description="Longer side in pixels at most; 0 keeps the frame's size.")
    quality: int = Field(default=90, ge=30, le=100, description="JPEG quality.")
    max_mb: int = Field(default=1_000, ge=1, description="Megabytes kept; the oldest pictures go first.")


class ImagesSink(Sink):
    """Files are called after the moment and the source: 20261126T134501.250Z-door.jpg."""

    NAME = "images"
    Options = ImagesOptions

    @override
    async def open(self) -> None:
        self._gate = Gate(self.options)
        self._count = 0
        self._output = output_of(self.context, self.options.max_mb)
        await asyncio.to_thread(self._output.open)

    @override
    async def write(self, result: FrameResult) -> None:
        if self._gate.passes(result):
            await asyncio.to_thread(self._save, result)

    def _save(self, result: FrameResult) -> None:
        options = self.options
        answer = answer_of(result, options.output)
        if options.annotated and answer.get("predictions"):
            data = jpeg_of(annotate(reduced(result.frame.picture, options.width), answer), options.quality)
        else:
            data = result.frame.picture.jpeg(options.quality, options.width).data
        path = self._output.path(f"{stamp(result.frame.captured_at)}-{safe(result.frame.source_id)}", ".jpg")
        path.write_bytes(data)
        if options.answers:
            path.with_suffix(".json").write_bytes(to_json(result.to_dict()))
        self._count += 1
        if self._count % PRUNE_EVERY == 0:
            self._output.prune()


SINK = ImagesSink
