"""Make a table of values."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, StepFields
from shared.workflows.uql import AnyOperation
from shared.workflows.uql.named import prepared

TIMESTAMP = "timestamp"


class CSVFormatter(Block):
    """One row per element of the batch, all in one table, which the last element gets; the others get none."""

    ids = ("roboflow_core/csv_formatter@v1",)
    label = "CSV Formatter"
    summary = "Make a table of values."
    category = "formatter"
    outputs = {"csv_content": (kinds.STRING,)}
    batch_or_scalar = ("columns_data",)

    class Fields(StepFields):
        """Columns by name; the column ``timestamp`` is added, with the time in UTC."""

        columns_data: dict[str, AnyRef | str | int | float | bool]
        columns_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)

        @field_validator("columns_data")
        @classmethod
        def _not_ours(cls, columns: dict[str, Any]) -> dict[str, Any]:
            if TIMESTAMP in columns:
                raise ValueError(f"the column {TIMESTAMP!r} is added by the block; choose another name")
            return columns

    def run(self, columns_data: dict[str, Any], columns_operations: dict[str, list[AnyOperation]]) -> Any:
        """The table with its header."""
        now = self.services.now().isoformat()
        batches = [value for value in columns_data.values() if isinstance(value, Batch)]
        if not batches:
            return {"csv_content": _table([{**prepared(columns_data, columns_operations), TIMESTAMP: now}])}
        count = max(map(len, batches))
        columns = {
            name: value.broadcast(count) if isinstance(value, Batch) else [value] * count
            for name, value in columns_data.items()
        }
        rows = [
            prepared({name: values[i] for name, values in columns.items()}, columns_operations) for i in range(count)
        ]
        table = _table([{**row, TIMESTAMP: now} for row in rows])
        return [{"csv_content": None} for _ in range(count - 1)] + [{"csv_content": table}]


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
