"""Box models that answer a mask for each box."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from typing_extensions import override

from shared.errors import InferenceFailed
from worker_service.engine.detector import BoxModel
from worker_service.engine.family import Prepared, Raw
from worker_service.engine.mask_results import Instances
from worker_service.engine.model import Array
from worker_service.engine.params import SegmentationParams
from worker_service.engine.vision.candidates import Candidates, Floats
from worker_service.engine.vision.layouts import sigmoid
from worker_service.engine.vision.masks import cut_masks, mask_axes, prototype_planes, reach, target_axis
from worker_service.engine.visualise import with_masks


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
        planes = self.planes(raw, kept)
        source = mask_axes(prepared.geometry, self.size, (planes.shape[1], planes.shape[2]))
        target = tuple(target_axis(axis, params.mask_decode_mode, params.tradeoff_factor) for axis in source)
        boxes = prepared.geometry.boxes_to_source(kept.boxes)
        edges = boxes if self.crops else reach(planes, source)
        values, threshold = (sigmoid(planes), 0.5) if self.squashes else (planes, 0.0)
        result = Instances(
            prepared.image,
            boxes,
            kept.scores,
            kept.class_ids,
            self.labels,
            masks=tuple(cut_masks(values, edges, source, (target[0], target[1]), threshold)),
            mask_format=params.response_mask_format,
        )
        return with_masks(result, prepared.pixels, params)


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
