"""Box models that answer a mask for each box."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from typing_extensions import override

from shared.errors import InferenceFailed
from worker_service.engine.detector import BoxModel
from worker_service.engine.family import Prepared, Raw
from worker_service.engine.mask_results import Instances
from worker_service.engine.model import Array
from worker_service.engine.params import SegmentationParams
from worker_service.engine.results import FloatArray, IntArray
from worker_service.engine.vision.axis import Axis
from worker_service.engine.vision.candidates import Candidates, Floats
from worker_service.engine.vision.layouts import sigmoid
from worker_service.engine.vision.masks import (
    Planes,
    cut_masks,
    mask_axes,
    prototype_part,
    prototype_planes,
    reach,
    target_axis,
)
from worker_service.engine.visualise import with_masks

# Masks worked on at once: each is reduced to its outline or runs before the next is made, so that hundreds of large
# ones take no more memory than a few.
CHUNK = 64
# Share of a plane that objects cover on average; above it one product for whole planes is faster than one per object.
WHOLE = 0.2


class Segmenter(BoxModel[SegmentationParams]):
    """A box model with masks.

    Attributes:
        squashes: interpolate probabilities instead of logits, as some originals do.
        crops: cut masks at their boxes; transformers' masks are whole.
        drops_empty: leave boxes out of whose mask no pixel is left, as Ultralytics' predictor does. Coarser modes
            report them, without an outline: which objects there are is not for the size of cells to decide.
    """

    params_type = SegmentationParams
    squashes: ClassVar[bool] = False
    crops: ClassVar[bool] = True
    drops_empty: ClassVar[bool] = False

    @abstractmethod
    def planes(self, raw: Raw, kept: Candidates) -> Planes:
        """Mask logits [n, h, w] of the boxes kept, covering the input. Raises InferenceFailed on odd shapes."""

    @abstractmethod
    def grid(self, raw: Raw) -> tuple[int, int]:
        """Rows and columns of the masks. Raises InferenceFailed on odd shapes."""

    def values(self, planes: Planes, kept: Candidates, grid: tuple[int, int]) -> Planes:
        """What is interpolated and compared with ``threshold``, from the logits."""
        del kept, grid
        if not self.squashes:
            return planes
        return lambda i, rows, columns: sigmoid(
            planes(i, rows, columns) if callable(planes) else planes[i, rows, columns]
        )

    def edges(self, kept: Candidates, planes: Planes, prepared: Prepared, axes: tuple[Axis, Axis]) -> Floats:
        """Boxes [n, 4] in source pixels that masks are cut at."""
        if self.crops or callable(planes):
            return prepared.geometry.boxes_to_source(kept.boxes)
        return reach(planes, axes)

    def postprocess(self, raw: Raw, prepared: Prepared, params: SegmentationParams) -> Instances:
        """Boxes and masks in source pixels."""
        kept = self.select(raw, params)
        shapes: list[IntArray | FloatArray] = []
        for start in range(0, len(kept.scores), CHUNK):
            part = kept.take(np.arange(start, min(start + CHUNK, len(kept.scores))))
            shapes += self._shapes(raw, part, prepared, params)
        if self.drops_empty and params.mask_decode_mode == "accurate":
            kept = kept.take(np.array([len(shape) > 0 for shape in shapes], np.bool_))
            shapes = [shape for shape in shapes if len(shape)]
        result = Instances(
            prepared.image,
            prepared.geometry.boxes_to_source(kept.boxes),
            kept.scores,
            kept.class_ids,
            self.labels,
            shapes=tuple(shapes),
            mask_format=params.response_mask_format,
        )
        return with_masks(result, prepared.pixels, params)

    def _shapes(
        self, raw: Raw, kept: Candidates, prepared: Prepared, params: SegmentationParams
    ) -> list[IntArray | FloatArray]:
        """Outline or runs of each mask."""
        grid, planes = self.grid(raw), self.planes(raw, kept)
        axes = mask_axes(prepared.geometry, self.size, grid)
        across, down = (target_axis(axis, params.mask_decode_mode, params.tradeoff_factor) for axis in axes)
        edges = self.edges(kept, planes, prepared, axes)
        threshold = 0.5 if self.squashes else 0.0
        masks = cut_masks(self.values(planes, kept, grid), edges, axes, (across, down), threshold)
        if params.response_mask_format == "rle":
            return [mask.runs() for mask in masks]
        return [mask.outline() for mask in masks]


class PrototypeSegmenter(Segmenter):
    """Masks as weighted sums of prototypes; the weights are the candidates' extras."""

    @abstractmethod
    def prototypes(self, raw: Raw) -> Array:
        """[channels, h, w]."""

    @override
    def grid(self, raw: Raw) -> tuple[int, int]:
        shape = self.prototypes(raw).shape
        if len(shape) != 3:
            raise InferenceFailed(f"The model answers prototypes {list(shape)}.")
        return shape[1], shape[2]

    @override
    def planes(self, raw: Raw, kept: Candidates) -> Planes:
        """The weighted sums; computed inside the boxes only, where these are small."""
        prototypes = self.prototypes(raw)
        if prototypes.shape[0] != kept.extras.shape[1]:
            raise InferenceFailed(
                f"The model answers {kept.extras.shape[1]} mask coefficients for prototypes {list(prototypes.shape)}."
            )
        width, height = self.size
        sides = np.maximum(kept.boxes[:, 2:] - kept.boxes[:, :2], 0) / np.array([width, height], np.float32)
        if np.minimum(sides, 1).prod(axis=1).mean() > WHOLE:
            return prototype_planes(prototypes, kept.extras)
        return prototype_part(prototypes, kept.extras)
