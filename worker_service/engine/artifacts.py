"""A model's files on disk: hashed before use, and never outside the model's folder."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from shared.errors import ModelLoadFailed
from worker_service.engine.manifest import Manifest
from worker_service.engine.runtime.external import external_locations, foreign_operators


@dataclass(frozen=True)
class Package:
    """A manifest and the folder that it was read from."""

    manifest: Manifest
    root: Path

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return self.bytes_of(self.manifest.files.values())

    def bytes_of(self, contents: Collection[str]) -> int:
        """Size of the files with one of those sha256."""
        files = self.manifest.files.items()
        return sum((self.root / name).stat().st_size for name, content in files if content in contents)

    def graph(self, name: str | None = None) -> Path:
        """Path of one ONNX graph; without a name, of ``weights.onnx`` or of the only graph there is.

        Raises:
            ModelLoadFailed: there is no such graph, or several to choose from.
        """
        graphs = self.manifest.graphs
        chosen = name or ("weights.onnx" if "weights.onnx" in graphs or len(graphs) != 1 else graphs[0])
        if chosen not in graphs:
            raise ModelLoadFailed(
                f"Model {self.manifest.id} has no graph {chosen!r}; 'files' in its model.json lists "
                f"{', '.join(graphs) or 'no .onnx file'}."
            )
        return self.root / chosen

    def verify(self, max_file_bytes: int | None = None) -> None:
        """Check that every file is there, unchanged and no larger than allowed, and that graphs refer to no other.

        Raises:
            ModelLoadFailed: naming the first file that fails.
        """
        root = self.root.resolve()
        for name, expected in self.manifest.files.items():
            path = (root / name).resolve()
            if not path.is_relative_to(root) or not path.is_file():
                raise ModelLoadFailed(f"Model {self.manifest.id}: file {name!r} is missing from its folder.")
            if max_file_bytes is not None and path.stat().st_size > max_file_bytes:
                raise ModelLoadFailed(
                    f"Model {self.manifest.id}: file {name!r} is larger than {max_file_bytes} bytes, the most that is "
                    "loaded (VISIONFLEET_MAX_MODEL_FILE_BYTES)."
                )
            if file_sha256(path) != expected:
                raise ModelLoadFailed(
                    f"Model {self.manifest.id}: file {name!r} does not have the sha256 that model.json gives."
                )
        for name in self.manifest.graphs:
            self._check_external_data(name)
            check_operators(self.root / name, self.manifest.id)

    def _check_external_data(self, graph: str) -> None:
        folder = Path(graph).parent
        for location in external_locations(self.root / graph):
            if Path(location).is_absolute() or (folder / location).as_posix() not in self.manifest.files:
                raise ModelLoadFailed(
                    f"Model {self.manifest.id}: {graph} keeps weights in {location!r}, which 'files' does not list."
                )


def check_operators(graph: Path, model_id: str) -> None:
    """Raises ModelLoadFailed for a graph that needs libraries of operators or holds compiled code."""
    foreign = sorted(foreign_operators(graph))
    if foreign:
        raise ModelLoadFailed(
            f"Model {model_id}: {graph.name} uses operators that are not ONNX Runtime's: {', '.join(foreign[:5])}; "
            "libraries of operators and compiled engines inside graphs are not loaded."
        )


def check_locations(graph: Path) -> None:
    """Raises ModelLoadFailed for a graph that keeps weights outside its own folder, before anything opens them."""
    folder = graph.parent.resolve()
    for location in external_locations(graph):
        if Path(location).is_absolute() or not (folder / location).resolve().is_relative_to(folder):
            raise ModelLoadFailed(f"{graph.name} keeps weights in {location!r}, which lies outside its folder.")


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file; remembered as long as its size and times stay the same."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, mtime_ns: int, ctime_ns: int) -> str:
    del size, mtime_ns, ctime_ns  # part of the cache key only
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
