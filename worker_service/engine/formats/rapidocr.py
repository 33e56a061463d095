"""A folder of RapidOCR's models, such as ``rapidocr/models`` of its wheel: a detector and a recogniser, by name."""

from __future__ import annotations

import re
from pathlib import Path

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import check_locations, check_operators, file_sha256
from worker_service.engine.families import pp_ocr
from worker_service.engine.format import Proposal, Wanted
from worker_service.engine.manifest import Manifest, check_model_id
from worker_service.engine.runtime.session import read_signature

PART = re.compile(r"(?:^|[_-])(det|rec)(?:[_.-]|$)", re.IGNORECASE)


class RapidOcr:
    """Graphs whose names say ``det`` and ``rec``; the one that says ``cls``, which turns lines, is not used."""

    name = "a folder of RapidOCR's models (..._det_....onnx, ..._rec_....onnx)"
    last = False

    def matches(self, path: Path) -> bool:
        """Both are there, and nothing that says more."""
        if not path.is_dir() or any((path / name).is_file() for name in ("model.json", "config.json")):
            return False
        return set(parts(path)) == {"det", "rec"}

    def read(self, path: Path, wanted: Wanted) -> Proposal:
        """Family pp-ocr with RapidOCR's settings. Raises ModelLoadFailed for several of a kind."""
        found = parts(path)
        doubled = [name for name, graphs in found.items() if len(graphs) > 1]
        if doubled:
            raise ModelLoadFailed(f"{path.name} has several graphs named {' and '.join(doubled)}; leave one of each.")
        files = {f"{name}.onnx": graphs[0] for name, graphs in found.items()}
        for graph in files.values():
            check_operators(graph, graph.name)
            check_locations(graph)
        alphabets = sorted(path.glob("*dict*.txt")) + sorted(path.glob("*keys*.txt"))
        if "character" not in read_signature(files["rec.onnx"]).metadata and alphabets:
            files["dict.txt"] = alphabets[0]
        family = pp_ocr.FAMILY
        manifest = Manifest.model_validate(
            {
                "id": check_model_id(wanted.model_id or path.resolve().name),
                "task": family.task,
                "family": family.name,
                "input": family.guess(read_signature(files["det.onnx"])).input,
                "files": {name: file_sha256(file) for name, file in files.items()},
            }
        )
        return Proposal(manifest, files, ", ".join(file.name for file in files.values()))


def parts(path: Path) -> dict[str, list[Path]]:
    """The graphs of the folder that are a detector or a recogniser."""
    found: dict[str, list[Path]] = {}
    for graph in sorted(path.glob("*.onnx")):
        match = PART.search(graph.name)
        if match:
            found.setdefault(match.group(1).lower(), []).append(graph)
    return found


FORMAT = RapidOcr()
