"""What was found as CSV, one row per object, in files of the stream's folder."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

from pydantic import Field
from typing_extensions import override

from stream_service.answers import Gate, GateOptions, answer_of, objects_of
from stream_service.frame import FrameResult
from stream_service.output import output_of
from stream_service.rows import RowFile
from stream_service.sink import Sink

FRAME = ("frame_timestamp", "source_id", "frame_id")
OBJECT = ("class", "confidence", "x", "y", "width", "height", "tracker_id")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvOptions(GateOptions):
    """Which results, and how much is kept."""

    file_mb: float = Field(default=64.0, gt=0, le=1024, description="Megabytes after which a new file is begun.")
    max_mb: int = Field(default=1_000, ge=1, description="Megabytes kept; the oldest files go first.")


class CsvSink(Sink):
    """Columns: frame_timestamp, source_id, frame_id, class, confidence, x, y, width, height, tracker_id."""

    NAME = "csv"
    Options = CsvOptions

    @override
    async def open(self) -> None:
        self._gate = Gate(self.options)
        output = output_of(self.context, self.options.max_mb)
        self._rows = RowFile(output, ".csv", self.options.file_mb, lines([(*FRAME, *OBJECT)]))
        await asyncio.to_thread(output.open)

    @override
    async def write(self, result: FrameResult) -> None:
        if not self._gate.passes(result):
            return
        head = (result.captured_iso, result.frame.source_id, result.frame.number)
        found = objects_of(answer_of(result, self.options.output))
        if found:
            rows = [(*map(harmless, head), *(harmless(row.get(name)) for name in OBJECT)) for row in found]
            await asyncio.to_thread(self._rows.append, lines(rows))

    @override
    async def close(self) -> None:
        if hasattr(self, "_rows"):
            await asyncio.to_thread(self._rows.close)


def lines(rows: list[tuple[Any, ...]]) -> bytes:
    """Rows as CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is quoted."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


SINK = CsvSink
