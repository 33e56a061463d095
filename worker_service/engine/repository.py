"""Which models there are: folders of ``<id>/model.json``, looked at again when their modification times change."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock

from shared.errors import ModelLoadFailed, ModelNotFound
from worker_service.engine.artifacts import Package
from worker_service.engine.manifest import Manifest, check_model_id

log = logging.getLogger(__name__)

MANIFEST = "model.json"
MANIFEST_BYTES = 16 * 2**20
Stamp = tuple[int, int]


class Repository:
    """Packages by id and alias. On a clash the earlier folder wins, and an id wins over an alias.

    A listing is trusted for ``scan_seconds``; a new look stats every model.json and parses only those that changed.
    A broken manifest is logged once per change, keeps no other model from being served, and is what ``find`` reports.
    """

    def __init__(self, folders: Sequence[Path], scan_seconds: float = 2.0) -> None:
        self._folders = tuple(folders)
        self._scan_seconds = scan_seconds
        self._parsed: dict[Path, tuple[Stamp, Package | ModelLoadFailed]] = {}
        self._packages: dict[str, Package] = {}
        self._aliases: dict[str, str] = {}
        self._broken: dict[str, ModelLoadFailed] = {}
        self._scanned = float("-inf")
        self._lock = Lock()

    def packages(self) -> list[Package]:
        """Every readable model, by id."""
        self._refresh()
        return [package for _, package in sorted(self._packages.items())]

    def find(self, model_id: str) -> Package:
        """The package of an id or alias.

        Raises:
            InvalidModelId: the id is malformed.
            ModelNotFound: no folder has it.
            ModelLoadFailed: it is there and its manifest is broken.
        """
        check_model_id(model_id)
        resolved = self.resolve(model_id)
        package = self._packages.get(resolved)
        if package is not None:
            return package
        if model_id in self._broken:
            raise self._broken[model_id]
        raise ModelNotFound(f"There is no model {model_id!r} here.", model=model_id)

    def resolve(self, model_id: str) -> str:
        """The id that an alias stands for; anything else comes back unchanged."""
        self._refresh()
        return model_id if model_id in self._packages else self._aliases.get(model_id, model_id)

    def rescan(self) -> None:
        """Look now, however fresh the listing is."""
        with self._lock:
            self._scan()

    def _refresh(self) -> None:
        with self._lock:
            if time.monotonic() - self._scanned >= self._scan_seconds:
                self._scan()

    def _scan(self) -> None:
        parsed: dict[Path, tuple[Stamp, Package | ModelLoadFailed]] = {}
        packages: dict[str, Package] = {}
        broken: dict[str, ModelLoadFailed] = {}
        for path, model_id in self._manifests():
            try:
                entry = parsed[path] = self._read(path, model_id)
            except FileNotFoundError:  # removed between listing and reading
                continue
            if isinstance(entry[1], Package):
                packages.setdefault(model_id, entry[1])
            else:
                broken.setdefault(model_id, entry[1])
        self._parsed, self._packages, self._broken = parsed, packages, broken
        self._aliases = {alias: p.manifest.id for p in packages.values() for alias in p.manifest.aliases}
        self._scanned = time.monotonic()

    def _manifests(self) -> Iterator[tuple[Path, str]]:
        """model.json files one or two levels below the folders, with the id that their place gives them."""
        for folder in self._folders:
            for pattern in ("*", "*/*"):
                for path in sorted(folder.glob(f"{pattern}/{MANIFEST}")):
                    yield path, path.parent.relative_to(folder).as_posix()

    def _read(self, path: Path, model_id: str) -> tuple[Stamp, Package | ModelLoadFailed]:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        known = self._parsed.get(path)
        if known is not None and known[0] == stamp:
            return known
        if stat.st_size > MANIFEST_BYTES:
            return stamp, _refuse(path, model_id, f"it has more than {MANIFEST_BYTES} bytes")
        try:
            manifest = Manifest.model_validate(json.loads(path.read_bytes()))
        except (ValueError, RecursionError) as error:  # pydantic's and json's errors are ValueErrors
            return stamp, _refuse(path, model_id, str(error))
        if manifest.id != model_id:
            return stamp, _refuse(path, model_id, f"its id is {manifest.id!r} and its folder makes it {model_id!r}")
        return stamp, Package(manifest, path.parent)


def _refuse(path: Path, model_id: str, reason: str) -> ModelLoadFailed:
    log.warning("%s is left out: %s", path, reason)
    return ModelLoadFailed(f"The model.json of {model_id!r} is broken: {reason}")
