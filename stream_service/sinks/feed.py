"""The live feed: results for whoever follows the stream over SSE or WebSocket; no work when nobody does."""

from __future__ import annotations

from typing_extensions import override

from stream_service.frame import FrameResult
from stream_service.sink import Sink


class FeedSink(Sink):
    """Publishes every result, failed ones too, so that a follower sees what was lost and why."""

    NAME = "feed"

    @override
    async def write(self, result: FrameResult) -> None:
        if self.context.outlet.watched("results"):
            await self.context.outlet.publish(result.to_dict(), once=result.once)


SINK = FeedSink
