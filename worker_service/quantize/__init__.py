"""Static int8 of a model in the repository: calibrate, convert, and tell what it costs in accuracy.

``quantize`` is the whole of it; ``convert.py`` makes the graph, ``accuracy.py`` scores a labelled folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from shared.errors import InvalidRequest
from worker_service.engine.artifacts import Package, file_sha256
from worker_service.engine.engine import Engine
from worker_service.engine.family import AnyModel
from worker_service.quantize.accuracy import Labelled
from worker_service.quantize.convert import Options, static_int8

__all__ = ["Compared", "Labelled", "Made", "Options", "compare", "make"]

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
TIMED = 20
Progress = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True)
class Made:
    """The new graph and the manifest for it."""

    graph: Path
    manifest: dict[str, Any]
    calibrated_on: int


@dataclass(frozen=True)
class Compared:
    """Both models on the same pictures: bytes of the graph, milliseconds of its run, score of the labelled folder."""

    metric: str | None
    scores: tuple[float, float] | None
    milliseconds: tuple[float, float]
    bytes: tuple[int, int]


def pictures(folder: Path, most: int) -> list[Path]:
    """Picture files in the folder and below, evenly chosen when there are more. Raises InvalidRequest for none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if not found:
        raise InvalidRequest(f"There is no picture ({', '.join(PICTURES)}) in {folder}.")
    return found[:: -(-len(found) // most)]


def make(engine: Engine, model_id: str, new_id: str, images: Path, aside: Path, options: Options) -> Made:
    """Quantise a model's graph into the folder ``aside``.

    Raises:
        ModelNotFound, ModelLoadFailed: as ``Engine.get``.
        InvalidRequest: the model has several graphs or is not in float32, or there is no picture.
    """
    package = engine.repository.find(model_id)
    if len(package.manifest.graphs) != 1:
        raise InvalidRequest(f"{model_id} has {len(package.manifest.graphs)} graphs; only models of one are quantised.")
    chosen = pictures(images, options.calibration)
    model = engine.get(model_id)
    params = model.params({})
    feeds = (model.preprocess(engine.decode(path.read_bytes(), params), params).tensors for path in chosen)
    made = static_int8(package.graph(), aside / "weights.onnx", feeds, options)
    return Made(made, manifest(package, new_id, made), len(chosen))


def manifest(package: Package, new_id: str, graph: Path) -> dict[str, Any]:
    """The model's own manifest for the new graph; figures that were measured on the old one are left out."""
    left_out = {"metrics", "aliases"}
    kept = package.manifest.model_dump(mode="json", exclude_none=True, exclude_unset=True, exclude=left_out)
    beside = {name: digest for name, digest in package.manifest.files.items() if not name.endswith((".onnx", ".data"))}
    family = {} if package.manifest.family else {"family": recognised(package)}
    return kept | family | {"id": new_id, "files": {**beside, graph.name: file_sha256(graph)}}


def recognised(package: Package) -> str:
    """The family of a graph whose manifest names none: nodes of the new one could hide it."""
    from worker_service.engine.inspect import recognise  # noqa: PLC0415 - reads the graph
    from worker_service.engine.runtime.session import read_signature  # noqa: PLC0415

    return recognise(read_signature(package.graph()))[0].name


def compare(
    before: tuple[Engine, str], after: tuple[Engine, str], images: Path, labelled: Labelled | None, told: Progress
) -> Compared:
    """Run both in turns. Raises what inference raises."""
    chosen = [path.read_bytes() for path in pictures(images, TIMED)]
    models = tuple(engine.get(model_id) for engine, model_id in (before, after))
    told("timing both")
    milliseconds = _milliseconds([before[0], after[0]], models, chosen)
    sizes = tuple(engine.repository.find(model_id).graph().stat().st_size for engine, model_id in (before, after))
    metric, scores = None, None
    if labelled is not None:
        metric = labelled.metric
        told(f"{metric} of both on {len(labelled)} labelled pictures")
        scores = (labelled.score(*before), labelled.score(*after))
    return Compared(metric, scores, milliseconds, (sizes[0], sizes[1]))


def _milliseconds(
    engines: Sequence[Engine], models: Sequence[AnyModel], images: Sequence[bytes]
) -> tuple[float, float]:
    """Median time of a run on one picture, the two taking turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for data in images:
        for engine, model, times in zip(engines, models, taken, strict=True):
            params = model.params({})
            prepared = [model.preprocess(engine.decode(data, params), params)]
            begun = time.perf_counter()
            model.infer(prepared)
            times.append((time.perf_counter() - begun) * 1000)
    return median(taken[0]), median(taken[1])
