"""What a graph looks like from outside: inputs, outputs and the exporter's metadata."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

Dim = int | str | None
"""A fixed size, the name of a symbolic one, or None when the graph does not say."""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output. ``dtype`` is numpy's name, such as ``float32``."""

    name: str
    shape: tuple[Dim, ...]
    dtype: str

    @override
    def __str__(self) -> str:
        dims = ", ".join("?" if dim is None else str(dim) for dim in self.shape)
        return f"{self.name} {self.dtype}[{dims}]"

    def fixed(self, axis: int) -> int | None:
        """The size of an axis when it is fixed, else None; also None when the axis does not exist."""
        dim = self.shape[axis] if -len(self.shape) <= axis < len(self.shape) else None
        return dim if isinstance(dim, int) and dim > 0 else None


@dataclass(frozen=True)
class GraphSignature:
    """Inputs and outputs in graph order; ``metadata`` is the graph's custom metadata map."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)

    @override
    def __str__(self) -> str:
        seen = f"inputs {'; '.join(map(str, self.inputs))}; outputs {'; '.join(map(str, self.outputs))}"
        return seen + (f"; metadata {', '.join(sorted(self.metadata))}" if self.metadata else "; no metadata")

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names from the ``names`` entry ({0: 'cat', ...} or ['cat', ...]), in class order; empty if absent."""
        names = self.literal("names")
        if isinstance(names, dict) and all(isinstance(key, int) for key in names):
            return tuple(str(names[key]) for key in sorted(names))
        if isinstance(names, list | tuple):
            return tuple(str(name) for name in names)
        return ()

    def literal(self, key: str) -> Any:
        """A metadata entry read as a Python literal: exporters write ``str(value)``. None if absent or unreadable."""
        try:
            return ast.literal_eval(self.metadata.get(key, "None"))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
