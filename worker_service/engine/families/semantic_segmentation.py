"""Semantic segmentation: one output of logits [batch, classes, h, w], or of class numbers [batch, h, w].

DeepLab, SegFormer, Ultralytics' semantic nets and the like. Labels may have one name more than there are channels: the
one called ``background``, for pixels below the threshold. Without such a name no pixel is below it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.export import takes_one_image
from worker_service.engine.family import Family, Guess, Model, Prepared, Raw
from worker_service.engine.mask_results import ClassMap
from worker_service.engine.model import GraphModel
from worker_service.engine.params import SemanticParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.class_map import class_map, own_cells
from worker_service.engine.vision.masks import mask_axes
from worker_service.engine.visualise import with_classes

BACKGROUND = "background"
MOST_CLASSES = 256  # a pixel is a byte


class SemanticModel(GraphModel[SemanticParams]):
    """A loaded semantic segmenter."""

    params_type = SemanticParams

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        self.labels = self.manifest.labels
        names = [label.lower() for label in self.labels]
        self.background = names.index(BACKGROUND) if BACKGROUND in names else None
        output = self.session.signature.outputs[0]
        if len(self.session.signature.outputs) != 1 or len(output.shape) not in (3, 4):
            raise ModelLoadFailed(
                f"Family semantic-segmentation reads [batch, classes, h, w] or [batch, h, w]. "
                f"Seen: {self.session.signature}."
            )
        channels = output.fixed(1) if len(output.shape) == 4 else None
        if not 1 <= len(self.labels) <= MOST_CLASSES or not self._fits(channels):
            raise ModelLoadFailed(
                f"The graph's output is {output}; 'labels' in model.json has {len(self.labels)} names. They must be as "
                f"many as the classes, or one more that is called '{BACKGROUND}', and {MOST_CLASSES} at most."
            )

    def postprocess(self, raw: Raw, prepared: Prepared, params: SemanticParams) -> ClassMap:
        """A class for each pixel of the source."""
        output = raw[0]
        if output.ndim not in (2, 3) or (output.ndim == 3 and not self._fits(len(output))):
            raise InferenceFailed(f"The model answers {list(output.shape)} and has {len(self.labels)} labels.")
        axes = mask_axes(prepared.geometry, self.size, (output.shape[-2], output.shape[-1]))
        if output.ndim == 2:
            if output.min() < 0 or output.max() >= len(self.labels):
                raise InferenceFailed(f"The model answers class {output.max()} and has {len(self.labels)} labels.")
            class_ids = own_cells(output, axes)
            chances: npt.NDArray[np.float32] = np.ones(class_ids.shape, np.float32)
        else:
            found, chances = class_map(output.astype(np.float32, copy=False), axes)
            class_ids = self._numbered(found, len(output))
        if self.background is not None:
            class_ids[chances < params.confidence] = self.background
        confidences = np.asarray(cv2.convertScaleAbs(chances, alpha=255), np.uint8)  # rounds, in one pass
        result = ClassMap(prepared.image, class_ids, confidences, self.labels)
        return with_classes(result, prepared.pixels, params, self.background)

    def _fits(self, channels: int | None) -> bool:
        """Whether there is a label for each channel; one channel alone is that of the foreground."""
        if channels in (None, len(self.labels)):
            return channels != 1
        return channels == len(self.labels) - 1 and self.background is not None

    def _numbered(self, found: npt.NDArray[Any], channels: int) -> npt.NDArray[np.uint8]:
        """Channels to indices into the labels."""
        if self.background is None or channels == len(self.labels):
            return np.asarray(found, np.uint8)
        others = [i for i in range(len(self.labels)) if i != self.background]
        # With one channel, 0 already means that it is not there.
        table = [self.background, *others] if channels == 1 else others
        return np.asarray(np.array(table, np.uint8)[found])


class SemanticFamily:
    """Recognises one output with as many rows and columns as an image has."""

    name = "semantic-segmentation"
    task = "semantic-segmentation"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with Ultralytics' metadata, 0.5 on shape alone."""
        if not takes_one_image(signature) or len(signature.outputs) != 1:
            return None
        output, task = signature.outputs[0], signature.metadata.get("task")
        whole = output.dtype.startswith(("int", "uint"))
        if task not in (None, "semantic") or len(output.shape) != (3 if whole else 4):
            return None
        if not whole and signature.labels and output.fixed(1) not in (None, len(signature.labels)):
            return None
        return 1.0 if task else 0.5

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes by the channels."""
        output = signature.outputs[0]
        return Guess(classes=output.fixed(1) if len(output.shape) == 4 else None)

    def load(self, package: Package, runtime: Runtime) -> Model[SemanticParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return SemanticModel(package, runtime)


FAMILY: Family = SemanticFamily()
