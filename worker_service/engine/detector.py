"""What all box models share: from candidates to boxes in source pixels. Families say how outputs become candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Prepared, Raw
from worker_service.engine.model import Array, GraphModel
from worker_service.engine.params import DetectionParams
from worker_service.engine.results import Detections
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import TensorSpec
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.nms import fast_nms, legacy_nms, nms
from worker_service.engine.visualise import with_boxes

D = TypeVar("D", bound=DetectionParams)


class BoxModel(GraphModel[D], ABC):
    """A model whose answers are boxes and perhaps more of each.

    Attributes:
        suppresses: whether suppression is ours; graphs with one-to-one heads or with it inside need none.
        fast: whether boxes that are suppressed suppress others too, see ``fast_nms``.
    """

    suppresses: bool = True
    fast: bool = False

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        self.labels = self.manifest.labels
        if not self.labels:
            raise ModelLoadFailed(f"Model {self.manifest.id}: 'labels' in model.json is empty.")

    @abstractmethod
    def decode(self, raw: Raw, params: D) -> Candidates:
        """One image's boxes above the threshold, in input pixels. Raises InferenceFailed on odd shapes."""

    def select(self, raw: Raw, params: D) -> Candidates:
        """The boxes to report, best first."""
        found = self.decode(raw, params)
        if len(found.class_ids) and int(found.class_ids.max()) >= len(self.labels):
            raise InferenceFailed(f"The model answers class {found.class_ids.max()} and has {len(self.labels)} labels.")
        found = found.of_classes(self.labels, params.class_filter)
        if not self.suppresses:
            return found.best(params.max_detections)
        groups = None if params.class_agnostic_nms else found.class_ids
        by_iou = fast_nms if self.fast else nms
        suppress = by_iou if params.nms_mode == "iou" else legacy_nms
        return found.take(suppress(found.boxes, found.scores, groups, params.iou_threshold, params.max_detections))

    def expect(self, spec: TensorSpec, axis: int, count: int, meaning: str) -> None:
        """Check a size that the graph fixes. Raises ModelLoadFailed."""
        if spec.fixed(axis) not in (None, count):
            raise ModelLoadFailed(
                f"The graph's output is {spec}: {meaning} should be {count}, because 'labels' in model.json has "
                f"{len(self.labels)} names."
            )

    @staticmethod
    def check(output: Array, axis: int, count: int, meaning: str) -> Array:
        """The output, when it has that size; for sizes that the graph leaves open. Raises InferenceFailed."""
        if output.shape[axis] != count:
            raise InferenceFailed(f"The model answers {list(output.shape)}; {meaning} should be {count}.")
        return output


class Detector(BoxModel[DetectionParams]):
    """A box model that answers boxes alone."""

    params_type = DetectionParams

    def postprocess(self, raw: Raw, prepared: Prepared, params: DetectionParams) -> Detections:
        """The boxes in source pixels."""
        kept = self.select(raw, params)
        boxes = prepared.geometry.boxes_to_source(kept.boxes)
        result = Detections(prepared.image, boxes, kept.scores, kept.class_ids, self.labels)
        return with_boxes(result, prepared.pixels, params)
