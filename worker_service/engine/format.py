"""The contract of a format in which a model comes: one file in ``formats/`` that exports ``FORMAT``.

A format recognises a file or folder and proposes a ``model.json`` for it. What an exporter wrote down is taken, what it
left open is guessed and said. Adding a format is adding a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from shared.errors import ModelLoadFailed
from shared.registry import Registry
from worker_service.engine import formats
from worker_service.engine.artifacts import file_sha256
from worker_service.engine.inspect import inspect
from worker_service.engine.manifest import Manifest
from worker_service.engine.runtime.external import external_locations

WEIGHTS = "weights.onnx"


@dataclass(frozen=True)
class Wanted:
    """What the user says beforehand: the model's id, its family when it is not to be judged, its labels."""

    model_id: str | None = None
    family: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What a file or folder seems to be.

    Attributes:
        manifest: for its ``model.json``.
        files: name in the model's folder -> file to copy.
        seen: what it was judged by.
        unsure: in sentences, what was guessed and should be checked.
    """

    manifest: Manifest
    files: Mapping[str, Path]
    seen: str
    unsure: tuple[str, ...] = ()


class Format(Protocol):
    """One way in which exporters and caches lay models out."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    @property
    def last(self) -> bool:
        """Whether it is asked only when no other recognises the path."""
        ...

    def matches(self, path: Path) -> bool:
        """Whether the file or folder looks like this."""
        ...

    def read(self, path: Path, wanted: Wanted) -> Proposal:
        """Propose a manifest. Raises ModelLoadFailed, saying what is missing."""
        ...


@dataclass(frozen=True)
class Known:
    """What a format's own files tell about a graph; ``fields`` are fields of the manifest, ``input`` of its input."""

    labels: tuple[str, ...] = ()
    family: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    input: Mapping[str, Any] = field(default_factory=dict)
    settled: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def registry() -> Registry[Format]:
    """Every format in ``formats/``."""
    return Registry[Format]("model format").scan(formats, _exported)


def propose(path: Path, wanted: Wanted) -> Proposal:
    """What a file or folder is, by the first format that recognises it.

    Raises:
        ModelLoadFailed: none does, or what it recognises is broken.
        InvalidModelId: the id is malformed.
    """
    for candidate in sorted(registry(), key=lambda one: one.last):
        if candidate.matches(path):
            return candidate.read(path, wanted)
    names = ", ".join(registry().names())
    raise ModelLoadFailed(f"{path} is no model that we know; known are: {names}.")


def from_graph(graph: Path, wanted: Wanted, known: Known, seen: str) -> Proposal:
    """A proposal for a graph, in which what is known goes before what the graph itself suggests.

    ``known.settled`` names the fields whose doubts are gone by that.
    """
    judged = inspect(graph, wanted.model_id, wanted.family or known.family, wanted.labels or known.labels)
    fields = judged.manifest.model_dump(mode="json", exclude_none=True)
    fields |= {name: value for name, value in known.fields.items() if value is not None}
    fields["input"] = {**fields["input"], **known.input}
    if known.labels and not wanted.labels:
        fields["labels"] = list(known.labels)
    beside = (*judged.manifest.files, *external_locations(graph))
    files = {name: graph.parent / name for name in beside} | {WEIGHTS: graph}
    fields["files"] = {name: file_sha256(path) for name, path in files.items()}
    settled = (*known.settled, *(["labels"] if known.labels or wanted.labels else []))
    doubts = [doubt for doubt in judged.unsure if doubt.split(":")[0] not in settled]
    manifest = Manifest.model_validate(fields)
    return Proposal(manifest, files, f"{seen}; {judged.signature}", (*doubts, *known.unsure))


def _exported(module: ModuleType) -> Iterator[tuple[str, Format]]:
    one: Format = module.FORMAT
    yield one.name, one
