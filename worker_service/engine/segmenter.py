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
from worker_service.engine.vision.candidates import Candidates, Floats
from worker_service.engine.vision.layouts import sigmoid
from worker_service.engine.vision.masks import cut_masks, mask_axes, prototype_planes, reach, target_axis
from worker_service.engine.visualise import with_masks

# Masks worked on at once: each is reduced to its outline or runs before the next is made, so that hundreds of large
# ones take no more memory than a few.
CHUNK = 64


class Segmenter(BoxModel[SegmentationParams]):
    """A box model with masks.

    Attributes:
        squashes: interpolate probabilities instead of logits, as some originals do.
        crops: cut masks at their boxes; transformers' masks are whole.
    """

    params_type = SegmentationParams
    squashes: ClassVar[bool] = False
    crops: ClassVar[bool] = True

    @abstractmethod
    def planes(self, raw: Raw, kept: Candidates) -> Floats:
        """Mask logits [n, h, w] of the boxes kept, covering the input. Raises InferenceFailed on odd shapes."""

    def postprocess(self, raw: Raw, prepared: Prepared, params: SegmentationParams) -> Instances:
        """Boxes and masks in source pixels."""
        kept = self.select(raw, params)
        shapes: list[IntArray | FloatArray] = []
        for start in range(0, len(kept.scores), CHUNK):
            part = kept.take(np.arange(start, min(start + CHUNK, len(kept.scores))))
            shapes += self._shapes(raw, part, prepared, params)
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
        planes = self.planes(raw, kept)
        across, down = mask_axes(prepared.geometry, self.size, (planes.shape[1], planes.shape[2]))
        target = tuple(target_axis(axis, params.mask_decode_mode, params.tradeoff_factor) for axis in (across, down))
        edges = prepared.geometry.boxes_to_source(kept.boxes) if self.crops else reach(planes, (across, down))
        values, threshold = (sigmoid(planes), 0.5) if self.squashes else (planes, 0.0)
        masks = cut_masks(values, edges, (across, down), (target[0], target[1]), threshold)
        if params.response_mask_format == "rle":
            return [mask.runs() for mask in masks]
        return [mask.outline() for mask in masks]


class PrototypeSegmenter(Segmenter):
    """Masks as weighted sums of prototypes; the weights are the candidates' extras."""

    @abstractmethod
    def prototypes(self, raw: Raw) -> Array:
        """[channels, h, w]."""

    @override
    def planes(self, raw: Raw, kept: Candidates) -> Floats:
        """The weighted sums."""
        prototypes = self.prototypes(raw)
        if prototypes.ndim != 3 or prototypes.shape[0] != kept.extras.shape[1]:
            raise InferenceFailed(
                f"The model answers {kept.extras.shape[1]} mask coefficients for prototypes {list(prototypes.shape)}."
            )
        return prototype_planes(prototypes, kept.extras)
