"""The buffer that ``consume`` empties: the newest results, in Redis, so that any API process can hand them out."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import override

from stream_service.frame import FrameResult
from stream_service.sink import Sink, SinkOptions


class BufferOptions(SinkOptions):
    """How much is kept."""

    size: int = Field(default=64, ge=1, le=1000, description="Results kept; the oldest are lost first.")


class BufferSink(Sink):
    """Keeps results until somebody consumes them; failed frames are left out."""

    NAME = "buffer"
    Options = BufferOptions

    @override
    async def write(self, result: FrameResult) -> None:
        if result.ok:
            await self.context.outlet.buffer(result.to_dict(), self.options.size)


SINK = BufferSink
