"""What sinks look for in a result: the objects that were found, and which results are worth passing on."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from stream_service.frame import FrameResult
from stream_service.sink import SinkOptions

When = Literal["any", "found", "changed"]
WHEN = "`any` result, only those that `found` something, or only when the classes found have `changed`."


def answer_of(result: FrameResult, output: str = "") -> dict[str, Any]:
    """The model-like answer (``image``, ``predictions``) of a result; empty when there is none.

    A workflow's is the output of that name, else the first output that has predictions.
    """
    if result.outputs is None:
        return result.predictions or {}
    if output:
        value = result.outputs.get(output)
        return dict(value) if isinstance(value, Mapping) else {}
    return next((dict(value) for value in result.outputs.values() if _has_predictions(value)), {})


def objects_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its predictions as a list; those of a multi-label classifier get their name as ``class``."""
    predictions = answer.get("predictions")
    if isinstance(predictions, Mapping):
        chosen = set(answer.get("predicted_classes") or predictions)
        return [{"class": name, **row} for name, row in predictions.items() if name in chosen]
    return list(predictions or [])


def _has_predictions(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("predictions"), (list, Mapping))


class GateOptions(SinkOptions):
    """Which results a sink takes."""

    when: When = Field(default="found", description=WHEN)
    classes: list[str] = Field(default_factory=list, max_length=1000, description="Only these classes count.")
    min_confidence: float = Field(default=0.0, ge=0, le=1, description="Only objects at least this sure count.")
    interval_s: float = Field(
        default=0.0, ge=0, le=86_400, description="Seconds at least between two results of a source that are taken."
    )
    output: str = Field(default="", max_length=200, description="The workflow output that is looked at.")


class Gate:
    """Decides by GateOptions; remembers per source."""

    def __init__(self, options: GateOptions) -> None:
        self._options = options
        self._last: dict[str, float] = {}
        self._seen: dict[str, dict[str, int]] = {}

    def passes(self, result: FrameResult) -> bool:
        """Whether the sink takes this result. Failed frames never pass."""
        if not result.ok:
            return False
        source, options = result.frame.source_id, self._options
        found = self.counted(result)
        if options.when == "found" and not found:
            return False
        if options.when == "changed" and found == self._seen.get(source, {}):
            return False
        last = self._last.get(source)
        if last is not None and result.frame.captured - last < options.interval_s:
            return False
        self._last[source] = result.frame.captured
        self._seen[source] = found
        return True

    def counted(self, result: FrameResult) -> dict[str, int]:
        """How many objects of each class count."""
        options = self._options
        found: dict[str, int] = {}
        for row in objects_of(answer_of(result, options.output)):
            name = str(row.get("class", ""))
            if (not options.classes or name in options.classes) and _sure(row) >= options.min_confidence:
                found[name] = found.get(name, 0) + 1
        return found


def _sure(row: Mapping[str, Any]) -> float:
    return float(row.get("confidence") or 0)


def to_json(value: Any) -> bytes:
    """Compact JSON of a result; arrays become lists, bytes base64."""
    return json.dumps(value, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return str(value)
