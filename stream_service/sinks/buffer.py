"""The buffer that ``consume`` empties: the newest results, in Redis, so that any API process can hand them out."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from typing_extensions import override

from stream_service.frame import FrameResult
from stream_service.sink import Sink, SinkContext, SinkOptions


class BufferOptions(SinkOptions):
    """How much is kept, and what happens then."""

    size: int = Field(default=64, ge=1, le=1000, description="Results kept for who consumes them.")
    when_full: Literal["drop_oldest", "wait"] = Field(
        default="drop_oldest", description="`wait` holds up a file until somebody consumes; a live stream goes on."
    )


class BufferSink(Sink):
    """Keeps results until somebody consumes them; failed frames are left out."""

    NAME = "buffer"
    Options = BufferOptions

    def __init__(self, options: Any, context: SinkContext) -> None:
        super().__init__(options, context)
        self.patient = self.options.when_full == "wait" and not context.live

    @override
    async def write(self, result: FrameResult) -> None:
        if result.ok:
            outlet, size = self.context.outlet, self.options.size
            await outlet.buffer(result.to_dict(), size, wait=self.patient, once=result.once)


SINK = BufferSink
