"""Results as lines of JSON in files of the stream's folder."""

from __future__ import annotations

import asyncio

from pydantic import Field
from typing_extensions import override

from stream_service.answers import WHEN, Gate, GateOptions, When, to_json
from stream_service.frame import FrameResult
from stream_service.output import output_of
from stream_service.rows import RowFile
from stream_service.sink import Sink


class JsonlOptions(GateOptions):
    """Which results, and how much is kept."""

    when: When = Field(default="any", description=WHEN)
    file_mb: float = Field(default=64.0, gt=0, le=1024, description="Megabytes after which a new file is begun.")
    max_mb: int = Field(default=1_000, ge=1, description="Megabytes kept; the oldest files go first.")


class JsonlSink(Sink):
    """One line per result, as the feed has it."""

    NAME = "jsonl"
    Options = JsonlOptions

    @override
    async def open(self) -> None:
        self._gate = Gate(self.options)
        output = output_of(self.context, self.options.max_mb)
        self._rows = RowFile(output, ".jsonl", self.options.file_mb)
        await asyncio.to_thread(output.open)

    @override
    async def write(self, result: FrameResult) -> None:
        if self._gate.passes(result):
            await asyncio.to_thread(self._rows.append, to_json(result.to_dict()) + b"\n")

    @override
    async def close(self) -> None:
        if hasattr(self, "_rows"):
            await asyncio.to_thread(self._rows.close)


SINK = JsonlSink
