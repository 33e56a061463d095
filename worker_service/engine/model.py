"""What most families share: one graph, one image input, the batch as the first axis everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from shared.errors import ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Image, Prepared, Raw
from worker_service.engine.params import Params, parse
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.vision.fit import fit

P = TypeVar("P", bound=Params)


class GraphModel(Generic[P]):
    """A ``Model`` but for ``postprocess``. Subclasses set ``params_type`` and check the outputs when made."""

    params_type: ClassVar[type[Params]]

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self.manifest = package.manifest
        self.session = runtime.open(package.graph())
        self._batcher = Batcher(self.session, runtime.max_batch)
        self._file_bytes = package.bytes
        inputs = self.session.signature.inputs
        if len(inputs) != 1:
            raise ModelLoadFailed(
                f"Family {self.manifest.family} expects one input; the graph has {self.session.signature}."
            )
        self._input = inputs[0]
        expected = (3, self.manifest.input.height, self.manifest.input.width)
        for axis, size in enumerate(expected, start=1):
            if self._input.fixed(axis) not in (None, size) or len(self._input.shape) != 4:
                raise ModelLoadFailed(
                    f"The graph's input is {self._input}; 'input' in model.json makes it "
                    f"[batch, {', '.join(map(str, expected))}]."
                )

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
        params: P = parse(self.params_type, values, self.manifest.thresholds)  # type: ignore[assignment]
        return params

    def preprocess(self, image: Image, params: P) -> Prepared:
        """Resize and normalise as the manifest's ``input`` says."""
        tensor, geometry = fit(image, self.manifest.input)
        size = (geometry.width, geometry.height)
        return Prepared({self._input.name: tensor}, geometry, size, image if params.visualize else None)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Run the graph. Raises InferenceFailed."""
        return self._batcher.run([item.tensors for item in batch])
