"""A picture on its way into a dataset, with what the model saw on it in the pixels of this very picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DatasetPicture:
    """``name`` is unique in the dataset. ``answer`` has ``image`` and ``predictions``; None when none are kept."""

    name: str
    jpeg: bytes
    batch: str
    tags: tuple[str, ...] = ()
    answer: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
