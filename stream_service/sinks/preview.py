"""What is shown live: an annotated JPEG per source, made only while somebody looks."""

from __future__ import annotations

import asyncio

from pydantic import Field
from typing_extensions import override

from shared.drawing.annotate import Style, annotate
from stream_service.answers import answer_of
from stream_service.drawing import jpeg_of, reduced
from stream_service.frame import FrameResult
from stream_service.sink import Sink, SinkOptions


class PreviewOptions(SinkOptions):
    """How it looks."""

    width: int = Field(default=640, ge=64, le=1920, description="Longer side of the picture in pixels.")
    quality: int = Field(default=75, ge=30, le=95, description="JPEG quality.")
    max_fps: float = Field(default=10.0, gt=0, le=30, description="Pictures per second and source at most.")
    annotated: bool = Field(default=True, description="Draw what was found.")
    output: str = Field(default="", max_length=200, description="The workflow output that is drawn.")


class PreviewSink(Sink):
    """Frames without a result are shown plain, so that a camera is seen while its model is not well."""

    NAME = "preview"
    Options = PreviewOptions
    queue = 4

    @override
    async def open(self) -> None:
        self._due: dict[str, float] = {}

    @override
    async def write(self, result: FrameResult) -> None:
        if self.context.outlet.watched("preview") and self._is_due(result.frame.source_id, result.frame.captured):
            await self.context.outlet.show(result.frame.source_id, await asyncio.to_thread(self._picture, result))

    def _is_due(self, source: str, now: float) -> bool:
        """On a grid of times, so that a camera of just this rate loses none to jitter."""
        due, period = self._due.get(source, now), 1 / self.options.max_fps
        if now < due:
            return False
        self._due[source] = max(due, now - period) + period
        return True

    def _picture(self, result: FrameResult) -> bytes:
        options = self.options
        answer = answer_of(result, options.output) if options.annotated else {}
        if not answer.get("predictions"):
            return result.frame.picture.jpeg(options.quality, options.width).data
        return jpeg_of(annotate(reduced(result.frame.picture, options.width), answer, Style()), options.quality)


SINK = PreviewSink
