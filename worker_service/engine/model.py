"""What most families share: one graph, one image input, the batch as the first axis unless they split it otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Image, Prepared, Raw
from worker_service.engine.params import Params, parse
from worker_service.engine.runtime.batch import Batcher, by_first_axis
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.vision.fit import fit, fit_pixels, scale_of

P = TypeVar("P", bound=Params)
Array = npt.NDArray[Any]


class GraphModel(Generic[P]):
    """A ``Model`` but for ``postprocess``. Subclasses set ``params_type`` and check the outputs when made."""

    params_type: ClassVar[type[Params]]

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self.manifest = package.manifest
        ours = type(self).preprocess is GraphModel.preprocess  # then every image comes in the manifest's size
        expected = {1: 3, 2: self.manifest.input.height, 3: self.manifest.input.width}
        self.session = runtime.open(package.graph(), expected if ours else None)
        self._file_bytes = package.bytes
        inputs = self.session.signature.inputs
        if len(inputs) != 1:
            raise ModelLoadFailed(
                f"Family {self.manifest.family} expects one input; the graph has {self.session.signature}."
            )
        self._input = inputs[0]
        for axis, size in expected.items():
            if self._input.fixed(axis) not in (None, size) or len(self._input.shape) != 4:
                raise ModelLoadFailed(
                    f"The graph's input is {self._input}; 'input' in model.json makes it "
                    f"[batch, {', '.join(map(str, expected.values()))}]."
                )
        spec = self.manifest.input
        self._dtype = np.uint8 if self._input.dtype == "uint8" else np.float32
        if self._dtype is np.uint8 and (spec.scale, spec.mean, spec.std) != (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)):
            raise ModelLoadFailed("The graph takes uint8 pixels; 'input.scale' in model.json must be 1, mean 0, std 1.")
        self._sends_pixels = ours and self.session.normalises and spec.precision == "uint8"
        self._batcher = Batcher(self.session, runtime.max_batch, scale_of(spec) if self._sends_pixels else None)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the input."""
        return self.manifest.input.width, self.manifest.input.height

    def split(self, outputs: Sequence[Array], count: int) -> list[Raw]:
        """The outputs of a run on ``count`` items, item by item. Raises InferenceFailed when they do not add up."""
        return by_first_axis(outputs, count)

    @property
    def max_batch(self) -> int:
        """Images per run."""
        return self._batcher.max_batch

    @property
    def bytes(self) -> int:
        """Files plus input buffers; ONNX Runtime does not say what its own copies take."""
        return self._file_bytes + self._batcher.bytes

    def params(self, values: Mapping[str, object]) -> P:
        """Check a request's parameters. Raises InvalidRequest."""
        params: P = parse(self.params_type, values, self.manifest)  # type: ignore[assignment]
        return params

    def preprocess(self, image: Image, params: P) -> Prepared:
        """Resize and normalise as the manifest's ``input`` says."""
        spec, empty = self.manifest.input, self.session.memory.empty
        tensor, geometry = (
            fit_pixels(image, spec, empty) if self._sends_pixels else fit(image, spec, self._dtype, empty)
        )
        size = (geometry.width, geometry.height)
        return Prepared({self._input.name: tensor}, geometry, size, image if params.visualize else None)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Run the graph. Raises InferenceFailed."""
        return self._batcher.run([item.tensors for item in batch], self.split)
