"""Our own: a folder with ``model.json``."""

from __future__ import annotations

import json
from pathlib import Path

from shared.errors import ModelLoadFailed
from worker_service.engine.format import Proposal, Wanted
from worker_service.engine.manifest import Manifest

MANIFEST = "model.json"


class ManifestFolder:
    """A folder of this system, perhaps from another machine."""

    name = "a folder with model.json"
    last = False

    def matches(self, path: Path) -> bool:
        """There is a model.json."""
        return (path / MANIFEST).is_file()

    def read(self, path: Path, wanted: Wanted) -> Proposal:
        """The manifest as it is, under the wanted id."""
        try:
            fields = json.loads((path / MANIFEST).read_bytes())
            fields |= {"id": wanted.model_id or fields.get("id") or path.resolve().name}
            fields |= {"family": wanted.family} if wanted.family else {}
            fields |= {"labels": list(wanted.labels)} if wanted.labels else {}
            manifest = Manifest.model_validate(fields)
        except (ValueError, TypeError, RecursionError) as error:
            raise ModelLoadFailed(f"{path / MANIFEST} is no model manifest: {error}") from error
        files = {name: path / name for name in manifest.files}
        for name, file in files.items():
            if not file.is_file():
                raise ModelLoadFailed(f"{path / MANIFEST} lists {name!r}, which is not in its folder.")
        return Proposal(manifest, files, f"{path / MANIFEST}")


FORMAT = ManifestFolder()
