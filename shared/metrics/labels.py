"""Labels must not grow with what people do: so many models have a name, the rest are ``other``."""

from __future__ import annotations

import re

OTHER = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ModelLabels:
    """First come, first named; a model keeps what it got, because a series that changes owners tells lies."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._named: set[str] = set()

    def of(self, model: str) -> str:
        """The label of a model."""
        if model not in self._named:
            if len(self._named) >= self._limit:
                return OTHER
            self._named.add(model)
        return model


def method(name: str) -> str:
    """The label of an HTTP method, which may be any word."""
    return name if name in METHODS else OTHER


def in_name(model: str) -> str:
    """A model's id as part of a metric's name, as Roboflow's server writes it: ``coco/3`` is ``coco_3``."""
    return re.sub(r"[^A-Za-z0-9]", "_", model)
