"""Keeping a small net whole: model.json with the hashes of the files that lie beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

BESIDE = (".onnx", ".txt")


def keep(folder: Path, manifest: dict[str, Any], *more: str) -> None:
    """Write model.json for the graphs and alphabets of the folder, and further files by name."""
    files = sorted(path for path in folder.iterdir() if path.suffix in BESIDE or path.name in more)
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    text = json.dumps({"id": folder.name, **manifest, "files": hashes, "licence": "Apache-2.0"}, indent=1)
    (folder / "model.json").write_text(text + "\n")
