"""YOLACT: offsets, class probabilities, mask weights, priors and prototypes, told apart by rank and size.

Offsets [batch, priors, 4], classes [batch, priors, 1 + classes] after the softmax with the background first, weights
[batch, priors, k], priors [priors, 4] in 0..1 without the batch (or with it), prototypes [batch, h, w, k] with the
channels last. A prior may answer several classes other than the background. Pixels are squeezed to a square in floats
and normalised with the original's own mean and deviation. Masks are cut at their boxes in cells of the prototypes, one
cell further out, before they are interpolated. Boxes that are suppressed suppress others too. All of that is as the
original has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.export import only, takes_one_image
from worker_service.engine.family import Family, Guess, Model, Prepared, Raw
from worker_service.engine.model import Array
from worker_service.engine.params import SegmentationParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.segmenter import PrototypeSegmenter
from worker_service.engine.vision.axis import Axis
from worker_service.engine.vision.candidates import Candidates, Floats
from worker_service.engine.vision.layouts import pairs_above, prior_boxes
from worker_service.engine.vision.masks import Planes, parts_of
from worker_service.engine.vision.nms import best_candidates

# The original's MEANS and STD of pixels in 0..255.
INPUT = {
    "resize": "stretch",
    "precision": "float32",
    "mean": tuple(value / 255 for value in (123.68, 116.78, 103.94)),
    "std": tuple(value / 255 for value in (58.40, 57.12, 57.38)),
}


@dataclass(frozen=True)
class YolactOutputs:
    """Positions of the outputs."""

    offsets: int
    classes: int
    weights: int
    priors: int
    prototypes: int


class Yolact(PrototypeSegmenter):
    """A loaded YOLACT."""

    squashes = True
    fast = True

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        found = find_outputs(self.session.signature)
        if found is None:
            raise ModelLoadFailed(
                f"Family yolact reads offsets, classes, weights, priors, prototypes. Seen: {self.session.signature}."
            )
        self._found = found
        self.expect(self.session.signature.outputs[found.classes], 2, 1 + len(self.labels), "1 + classes")

    @override
    def split(self, outputs: Sequence[Array], count: int) -> list[Raw]:
        priors = outputs[self._found.priors]
        if priors.ndim == 2:  # the same for all pictures
            outputs = [np.broadcast_to(o, (count, *o.shape)) if o is priors else o for o in outputs]
        return super().split(outputs, count)

    @override
    def decode(self, raw: Raw, params: SegmentationParams) -> Candidates:
        offsets, classes, weights, priors = (
            raw[i] for i in (self._found.offsets, self._found.classes, self._found.weights, self._found.priors)
        )
        self.check(classes, 1, 1 + len(self.labels), "1 + classes")
        if not len(offsets) == len(classes) == len(weights) == len(priors) or offsets.shape[1] != 4:
            raise InferenceFailed(f"The model answers {len(offsets)} offsets for {len(priors)} priors.")
        which, class_ids = pairs_above(classes, params.floor)
        which, class_ids = which[class_ids > 0], class_ids[class_ids > 0] - 1
        scores = _float(classes[which, class_ids + 1])
        chosen = best_candidates(scores, 0, params.max_candidates)
        which = which[chosen]
        boxes = prior_boxes(_float(offsets[which]), _float(priors[which]), self.size)
        return Candidates(boxes, scores[chosen], class_ids[chosen], _float(weights[which]))

    @override
    def prototypes(self, raw: Raw) -> Array:
        return np.moveaxis(raw[self._found.prototypes], -1, 0)

    @override
    def values(self, planes: Planes, kept: Candidates, grid: tuple[int, int]) -> Planes:
        """Probabilities, zero in cells more than one away from the box."""
        chances = parts_of(super().values(planes, kept, grid))
        cells = self._cells(kept, grid)

        def part(i: int, rows: slice, columns: slice) -> Floats:
            found = chances(i, rows, columns)
            left, top, right, bottom = cells[i] - np.array([columns.start, rows.start] * 2)
            cut = np.zeros_like(found)
            inside = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
            cut[inside] = found[inside]
            return cut

        return part

    @override
    def edges(self, kept: Candidates, planes: Planes, prepared: Prepared, axes: tuple[Axis, Axis]) -> Floats:
        """Interpolation leads from the last cell that is left to the centre of the next."""
        across, down = axes
        step = np.array([across.step, down.step] * 2)
        start = np.array([across.start, down.start] * 2)
        limit = np.array([across.pixels, down.pixels] * 2)
        cells = self._cells(kept, (down.cells, across.cells)) + np.array([-1, -1, 1, 1])
        return np.asarray(np.clip(cells * step + start, 0, limit), np.float32)

    def _cells(self, kept: Candidates, grid: tuple[int, int]) -> npt.NDArray[np.int64]:
        """[n, 4] first and end of the columns and rows of prototypes that masks may have."""
        sizes = np.array([grid[1], grid[0]] * 2)
        scaled = kept.boxes * sizes / np.array([*self.size, *self.size])
        # A cell belongs to the box when its index does; the original widens the box by one.
        return np.asarray(np.ceil(np.clip(scaled + np.array([-1, -1, 1, 1]), 0, sizes)), np.int64)


class YolactFamily:
    """Recognises the five outputs."""

    name = "yolact"
    task = "instance-segmentation"

    def matches(self, signature: GraphSignature) -> float | None:
        """0.5: the layout is its own, but nothing says so."""
        return 0.5 if takes_one_image(signature) and find_outputs(signature) is not None else None

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes by the columns but the background's, and the original's preprocessing."""
        found = find_outputs(signature)
        columns = None if found is None else signature.outputs[found.classes].fixed(2)
        return Guess(classes=columns - 1 if columns else None, input=INPUT)

    def load(self, package: Package, runtime: Runtime) -> Model[SegmentationParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return Yolact(package, runtime)


def find_outputs(signature: GraphSignature) -> YolactOutputs | None:
    """Which output is what; None when they do not fit."""
    prototypes = only(signature, 4)
    if len(signature.outputs) != 5 or prototypes is None:
        return None
    flat = [i for i in range(5) if i != prototypes]
    # Priors lack the batch, or come last as the original has it.
    bare = [i for i in flat if len(signature.outputs[i].shape) == 2]
    priors = bare[0] if len(bare) == 1 else flat[-1]
    boxes, classes, weights = (i for i in flat if i != priors)
    if (bare != [priors] and bare) or signature.outputs[boxes].fixed(2) not in (None, 4):
        return None
    channels = signature.outputs[prototypes].fixed(3)
    if channels is not None and signature.outputs[weights].fixed(2) not in (None, channels):
        classes, weights = weights, classes
    fits = channels is None or signature.outputs[weights].fixed(2) in (None, channels)
    return YolactOutputs(boxes, classes, weights, priors, prototypes) if fits else None


def _float(values: Array) -> Floats:
    return np.asarray(values.astype(np.float32, copy=False), np.float32)


FAMILY: Family = YolactFamily()
