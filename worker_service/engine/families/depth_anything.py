"""Depth Anything: one image in, its relative inverse depth out: [batch, h, w], or [batch, 1, h, w].

Version 2, and whatever else answers a map of the input's size that grows towards the camera. As Hugging Face's
processor does, a graph of open size, whose answer follows it, is fed the image in its own proportions: scaled so that
the side that needs the lesser change gets the manifest's size, both rounded to multiples of the patch (14). A graph of
fixed size gets it stretched. The map is brought to the source's size bicubically, then to 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from typing_extensions import override

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.depth_results import DepthMap
from worker_service.engine.export import takes_one_image
from worker_service.engine.family import Family, Guess, Image, Model, Prepared, Raw
from worker_service.engine.manifest import InputSpec
from worker_service.engine.model import GraphModel
from worker_service.engine.params import DepthParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.fit import NOWHERE, fit
from worker_service.engine.visualise import depth_picture

PATCH = 14
MOST_TIMES = 4
"""Longest side over the manifest's size: the processor knows no limit, and a ribbon would take all memory."""
FLAT = 1e-6
INPUT = {
    "resize": "stretch",
    "interpolation": "antialias-cubic",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}
NAMES = frozenset({"predicted_depth", "depth"})


class DepthModel(GraphModel[DepthParams]):
    """A loaded depth estimator."""

    params_type = DepthParams

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        if not is_map(self.session.signature):
            raise ModelLoadFailed(
                f"Family depth-anything reads one output [batch, h, w] or [batch, 1, h, w]. "
                f"Seen: {self.session.signature}."
            )
        if self.manifest.input.resize != "stretch":
            raise ModelLoadFailed("Depth is of the whole image: 'input.resize' in model.json must be stretch.")
        self._open = self._input.fixed(2) is None and self._input.fixed(3) is None and self._follows()

    def _follows(self) -> bool:
        """Whether the answer has the size of what is fed: exporters leave axes open whose size they have baked in."""
        width, height = self.size
        blank = np.zeros((3, height, width + PATCH), self._dtype)
        nothing = Prepared({self._input.name: blank}, NOWHERE, (0, 0))
        try:
            ((depth, *_),) = super().infer([nothing])
        except InferenceFailed:
            return False
        return bool(depth.shape[-1] == width + PATCH)

    @override
    def preprocess(self, image: Image, params: DepthParams) -> Prepared:
        """Resize and normalise; see above for the size."""
        spec = self.manifest.input
        if self._open:
            width, height = open_size(image.shape[1], image.shape[0], spec)
            spec = spec.model_copy(update={"width": width, "height": height})
        tensor, geometry = fit(image, spec, self._dtype)
        size = (geometry.width, geometry.height)
        return Prepared({self._input.name: tensor}, geometry, size, image if params.visualize else None)

    @override
    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Run the graph, once for each size in the batch. Raises InferenceFailed."""
        raws: dict[int, Raw] = {}
        for size in {item.tensors[self._input.name].shape for item in batch}:
            places = [i for i, item in enumerate(batch) if item.tensors[self._input.name].shape == size]
            raws |= zip(places, super().infer([batch[i] for i in places]), strict=True)
        return [raws[i] for i in range(len(batch))]

    def postprocess(self, raw: Raw, prepared: Prepared, params: DepthParams) -> DepthMap:
        """Nearness per pixel of the source."""
        depth = raw[0][0] if raw[0].ndim == 3 and len(raw[0]) == 1 else raw[0]
        if depth.shape != prepared.tensors[self._input.name].shape[1:]:
            raise InferenceFailed(f"The model answers {list(raw[0].shape)} where a map of depths was expected.")
        whole = cv2.resize(depth.astype(np.float32), prepared.image, interpolation=cv2.INTER_CUBIC)
        nearness = normalised(np.asarray(whole, np.float32))
        picture = depth_picture(nearness, params.visualization_format) if params.visualize else None
        return DepthMap(prepared.image, nearness, params.depth_map_format, picture)


def open_size(cols: int, rows: int, spec: InputSpec) -> tuple[int, int]:
    """Width and height for a graph of open size, as DPT's processor chooses them (``keep_aspect_ratio``)."""
    across, down = spec.width / cols, spec.height / rows
    scale = across if abs(1 - across) < abs(1 - down) else down
    return _multiple(cols * scale, spec.width), _multiple(rows * scale, spec.height)


def _multiple(length: float, base: int) -> int:
    return min(max(1, round(length / PATCH)) * PATCH, MOST_TIMES * base // PATCH * PATCH)


def normalised(depth: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """To 0..1 by least and most; differences of rounding are none. Raises InferenceFailed for what is no number."""
    least, most = depth.min(), depth.max()
    if not np.isfinite(least) or not np.isfinite(most):
        raise InferenceFailed("The model answers depths that are no numbers.")
    if most - least <= FLAT * max(abs(most), abs(least)):
        return np.zeros_like(depth)
    return np.asarray((depth - least) / (most - least), np.float32)


def is_map(signature: GraphSignature) -> bool:
    """Whether the only output is [batch, h, w] or [batch, 1, h, w] of floats."""
    if len(signature.outputs) != 1:
        return False
    output = signature.outputs[0]
    rank = len(output.shape)
    return output.dtype.startswith("float") and (rank == 3 or (rank == 4 and output.fixed(1) in (None, 1)))


class DepthAnythingFamily:
    """Recognises one output as large as the input, without channels."""

    name = "depth-anything"
    task = "depth-estimation"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 by the output's name, 0.7 when it has exactly the input's rows and columns."""
        if not takes_one_image(signature) or not is_map(signature) or "task" in signature.metadata:
            return None
        image, output = signature.inputs[0], signature.outputs[0]
        if output.name in NAMES:
            return 1.0
        sides = [output.fixed(1), output.fixed(2)]
        return (
            0.7 if len(output.shape) == 3 and None not in sides and sides == [image.fixed(2), image.fixed(3)] else None
        )

    def guess(self, signature: GraphSignature) -> Guess:
        """The processor's settings; 518 pixels where the graph leaves the size open."""
        size = {} if signature.inputs[0].fixed(2) else {"width": 518, "height": 518}
        return Guess(classes=0, input={**INPUT, **size})

    def load(self, package: Package, runtime: Runtime) -> Model[DepthParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return DepthModel(package, runtime)


FAMILY: Family = DepthAnythingFamily()
