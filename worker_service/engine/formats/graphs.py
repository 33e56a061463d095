"""A folder of several graphs that together are one model: SAM's encoder and decoder, CLIP's two sides, ...

The families say which names belong together. Graphs lie in the folder or in its ``onnx/``, as Hugging Face has them;
beside them may be ``preprocessor_config.json`` (or ``processor_config.json``) and what a family reads, such as
``tokenizer.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import check_locations, check_operators, file_sha256
from worker_service.engine.family import Family, OfGraphs, registry
from worker_service.engine.format import Proposal, Wanted
from worker_service.engine.formats.huggingface import processor_input, processor_of
from worker_service.engine.manifest import Manifest, check_model_id
from worker_service.engine.runtime.external import external_locations
from worker_service.engine.runtime.session import read_signature

PLACES = ("", "onnx")


class GraphsFolder:
    """Graphs under the names that exporters give them."""

    name = "a folder of graphs (encoder.onnx and decoder.onnx, visual.onnx and textual.onnx, ...)"
    last = False

    def matches(self, path: Path) -> bool:
        """All graphs of some family's layout are there, and no manifest."""
        return path.is_dir() and not (path / "model.json").is_file() and next(candidates(path), None) is not None

    def read(self, path: Path, wanted: Wanted) -> Proposal:
        """The family that knows these graphs. Raises ModelLoadFailed when none or several do."""
        found: list[tuple[float, Family, dict[str, Path]]] = []
        seen: dict[str, str] = {}
        for family, graphs in candidates(path):
            if wanted.family not in (None, family.name):
                continue
            for name, file in graphs.items():
                check_operators(file, name)
                check_locations(file)
            assert isinstance(family, OfGraphs)  # noqa: S101 - only these are candidates
            signatures = {name: read_signature(file) for name, file in graphs.items()}
            seen |= {name: str(signature) for name, signature in signatures.items()}
            score = family.matches_graphs(signatures)
            if score is not None:
                found.append((score, family, graphs))
        if not found:
            told = "; ".join(f"{name}: {signature}" for name, signature in seen.items())
            raise ModelLoadFailed(f"No family reads these graphs together. Seen: {told or wanted.family}.")
        found.sort(key=lambda each: -each[0])
        if len(found) > 1 and found[0][0] == found[1][0]:
            names = " or ".join(family.name for _, family, _ in found)
            raise ModelLoadFailed(f"The graphs may be {names}; say which with --family.")
        _, family, graphs = found[0]
        return proposal(path, wanted, family, graphs)


def candidates(path: Path) -> Iterator[tuple[Family, dict[str, Path]]]:
    """Families of which the folder has all graphs, with these."""
    for family in registry():
        if not isinstance(family, OfGraphs):
            continue
        for names in family.layouts:
            graphs = {name: file for name in names if (file := graph_in(path, name)) is not None}
            if len(graphs) == len(names):
                yield family, graphs
                break


def graph_in(path: Path, name: str) -> Path | None:
    """The graph of that name, where exporters put it."""
    return next((path / place / name for place in PLACES if (path / place / name).is_file()), None)


def proposal(path: Path, wanted: Wanted, family: Family, graphs: dict[str, Path]) -> Proposal:
    """What ``model.json`` should say, and the files to copy: the graphs, their weights, what the family reads."""
    assert isinstance(family, OfGraphs)  # noqa: S101 - only these are candidates
    guess = family.guess_graphs({name: read_signature(file) for name, file in graphs.items()})
    unsure = list(guess.unsure)
    files = dict(graphs)
    for file in graphs.values():
        files |= {location: file.parent / location for location in external_locations(file)}
    files |= {name: path / name for name in guess.beside if (path / name).is_file()}
    image = dict(guess.input)
    processor = processor_of(path)
    if processor is not None:
        image |= known_input(processor, image, unsure)
    fields = {
        "id": check_model_id(wanted.model_id or path.resolve().name),
        "task": family.task,
        "family": family.name,
        "labels": wanted.labels,
        "input": image,
        "files": {name: file_sha256(file) for name, file in files.items()},
        **guess.fields,
    }
    return Proposal(Manifest.model_validate(fields), files, ", ".join(graphs), tuple(unsure))


def known_input(processor: Mapping[str, Any], guessed: dict[str, Any], unsure: list[str]) -> dict[str, Any]:
    """Scale, mean and std of the processor; sizes and ways of resizing are the family's where it names them.

    Processors that cut images into tiles name the tile's side ``max_image_size``, which a graph may leave open.
    """
    told = processor_input(processor, unsure)
    unsure[:] = [doubt for doubt in unsure if not doubt.startswith("input:")]
    kept = {name: value for name, value in told.items() if name not in guessed or name in ("scale", "mean", "std")}
    tile = processor.get("max_image_size")
    side = tile.get("longest_edge") if isinstance(tile, dict) else None
    return {**kept, **({"width": side, "height": side} if isinstance(side, int) else {})}


FORMAT = GraphsFolder()
"""Asked before single graphs are."""
