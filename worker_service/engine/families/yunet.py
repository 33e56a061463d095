"""YuNet: faces, each with the eyes, the nose and the corners of the mouth, as OpenCV's FaceDetectorYN finds them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from typing_extensions import override

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Image, Model, Prepared, Raw
from worker_service.engine.params import KeypointParams
from worker_service.engine.poser import Poser
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision import yunet
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.fit import fit


class YuNet(Poser):
    """A loaded YuNet. Pictures of one size run together."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        if not yunet.is_yunet(self.session.signature) or len(self.names) != len(yunet.POINTS):
            raise ModelLoadFailed(f"Family yunet reads {', '.join(yunet.NAMES)}. Seen: {self.session.signature}.")
        self._order = [output.name for output in self.session.signature.outputs]

    @override
    def preprocess(self, image: Image, params: KeypointParams) -> Prepared:
        """Scaled down to the input if it is larger, never up, in the upper left corner."""
        filled, geometry = yunet.canvas(image, self.size, (self._input.fixed(3), self._input.fixed(2)))
        sized = {"width": filled.shape[1], "height": filled.shape[0], "resize": "stretch"}
        tensor, _ = fit(filled, self.manifest.input.model_copy(update=sized), self._dtype)
        pixels = image if params.visualize else None
        return Prepared({self._input.name: tensor}, geometry, (geometry.width, geometry.height), pixels)

    @override
    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        shapes = [item.tensors[self._input.name].shape for item in batch]
        answers: dict[int, Raw] = {}
        for shape in dict.fromkeys(shapes):
            chosen = [i for i, each in enumerate(shapes) if each == shape]
            rows = self._batcher.run([batch[i].tensors for i in chosen])
            answers |= {i: (*row, np.array(shape[:0:-1])) for i, row in zip(chosen, rows, strict=True)}
        return [answers[i] for i in range(len(batch))]

    @override
    def decode(self, raw: Raw, params: KeypointParams) -> Candidates:
        *maps, size = raw
        if size.shape != (2,):
            raise InferenceFailed("The size of the input is missing.")
        found = dict(zip(self._order, maps, strict=True))
        return yunet.faces_in(found, (int(size[0]), int(size[1])), params.floor, params.max_candidates)

    @override
    def select(self, raw: Raw, params: KeypointParams) -> Candidates:
        found = self.decode(raw, params).of_classes(self.labels, params.class_filter)
        return yunet.suppressed(found, params.iou_threshold, params.max_detections)


class YuNetFamily:
    """Recognises the names of the outputs."""

    name = "yunet"
    task = "keypoint-detection"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with the exporter's names, else None."""
        return 1.0 if yunet.is_yunet(signature) else None

    def guess(self, signature: GraphSignature) -> Guess:
        """One class, five points, pixels as they are, FaceDetectorYN's thresholds."""
        image = signature.inputs[0]
        size = {"width": image.fixed(3) or yunet.SIDE, "height": image.fixed(2) or yunet.SIDE}
        fields = {
            "labels": ("face",),
            "keypoints": yunet.POINTS,
            "thresholds": {"confidence": yunet.CONFIDENCE, "iou": yunet.OVERLAP},
        }
        return Guess(0, {**size, "channels": "bgr", "scale": 1.0, "pad": 0}, fields)

    def load(self, package: Package, runtime: Runtime) -> Model[KeypointParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return YuNet(package, runtime)


FAMILY: Family = YuNetFamily()
