"""A runtime whose sessions answer with recorded outputs, so that families run whole without their graphs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity import golden
from tests.parity.foundation import FOLDER
from worker_service.engine.artifacts import Package, file_sha256
from worker_service.engine.manifest import Manifest
from worker_service.engine.runtime.memory import Plain
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.settings import EngineSettings

NO_GRAPH = "0" * 64


def signature(case: golden.Case) -> GraphSignature:
    """What the exported graph looked like."""
    inputs, outputs = (
        tuple(TensorSpec(spec["name"], tuple(spec["shape"]), spec["dtype"]) for spec in specs)
        for specs in (case.inputs, case.outputs)
    )
    return GraphSignature(inputs, outputs, case.metadata)


def package(case: golden.Case, family: str, folder: Path) -> Package:
    """A package as if the graph were there; its file is empty and never read."""
    (folder / "weights.onnx").touch()
    files = {"weights.onnx": NO_GRAPH, **beside(case, folder)}
    manifest = {"id": case.name, "files": files, **case.manifest, "family": family}
    return Package(Manifest.model_validate(manifest), folder)


def beside(case: golden.Case, folder: Path) -> dict[str, str]:
    """Put what belongs to the model beside its graph; names and hashes."""
    copies = [Path(shutil.copy(FOLDER / name, folder)) for name in case.beside]
    return {copy.name: file_sha256(copy) for copy in copies}


class ReplaySession:
    """Answers an input with the outputs recorded for the picture whose input it resembles most.

    Attributes:
        input_error: largest difference so far between an input and what the reference fed, over the values sampled.
    """

    def __init__(self, case: golden.Case, arrays: golden.Arrays) -> None:
        self.signature = signature(case)
        self.providers = ("CPUExecutionProvider",)
        self.memory = Plain()
        self.normalises = False
        self.input_error = 0.0
        self._told = arrays.get("told")
        self._inputs = {picture: arrays[f"{picture}/input"] for picture in case.pictures}
        self._outputs = {picture: self._restore(arrays, picture) for picture in case.pictures}

    def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """All outputs for a batch, in graph order."""
        assert set(feeds) == {spec.name for spec in self.signature.inputs}
        spec = self.signature.inputs[0]
        batch = feeds[spec.name]
        if self._told is not None:  # beside the image, the vectors of texts
            (told,) = (array for name, array in feeds.items() if name != spec.name)
            self.input_error = max(self.input_error, float(np.abs(told - self._told).max()))
        assert batch.dtype == spec.dtype
        assert spec.fixed(0) in (None, len(batch)), f"the graph takes {spec.fixed(0)} at once, not {len(batch)}"
        rows = [self._outputs[self._closest(tensor)] for tensor in batch]
        specs = self.signature.outputs
        return [_join(spec, list(output)) for spec, output in zip(specs, zip(*rows, strict=True), strict=True)]

    def takes_items(self, count: int) -> bool:
        """Never: batches are put together here."""
        return False

    def _restore(self, arrays: golden.Arrays, picture: str) -> list[np.ndarray]:
        count = len(self.signature.outputs)
        return [golden.restore(golden.part(arrays, f"{picture}/output{i}")) for i in range(count)]

    def _closest(self, tensor: np.ndarray) -> str:
        if not tensor.any():  # the unused rest of a batch of fixed size
            return next(iter(self._inputs))
        seen = golden.sample(tensor)
        errors = {picture: float(np.abs(seen - stored).max()) for picture, stored in self._inputs.items()}
        picture = min(errors, key=errors.__getitem__)
        self.input_error = max(self.input_error, errors[picture])
        return picture


def _join(spec: TensorSpec, items: list[np.ndarray]) -> np.ndarray:
    """One output of a batch from those of its pictures."""
    if golden.is_shared(spec.shape):
        return items[0]
    if not golden.is_flat(spec.shape):
        return np.stack(items)
    for i, rows in enumerate(items := [item.copy() for item in items]):
        rows[:, 0] = i
    return np.concatenate(items)


class ReplayRuntime:
    """Stands in for ``Runtime``: every graph it opens is the recording."""

    max_batch = 5
    hardware = "cpu"

    def __init__(self, case: golden.Case, arrays: golden.Arrays) -> None:
        self.session = ReplaySession(case, arrays)
        self._beside = {Path(name).name for name in case.beside}

    def open(self, path: Path, sizes: Any = None) -> Any:
        """The recording; what lies beside the graph is real."""
        if path.name in self._beside:
            return Runtime(EngineSettings(intra_op_threads=1)).open(path)
        assert path.name == "weights.onnx"
        return self.session
