"""Box models that answer keypoints for each box."""

from __future__ import annotations

import numpy as np

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.detector import BoxModel
from worker_service.engine.family import Prepared, Raw
from worker_service.engine.keypoint_results import Poses
from worker_service.engine.params import KeypointParams
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.vision.candidates import Candidates, Floats
from worker_service.engine.visualise import with_keypoints


class Poser(BoxModel[KeypointParams]):
    """A box model whose candidates' extras are keypoints: x, y in input pixels and perhaps a confidence, each."""

    params_type = KeypointParams

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        stated = self.session.signature.literal("kpt_shape")
        count = int(stated[0]) if isinstance(stated, list | tuple) and len(stated) == 2 else 0
        self.names = self.manifest.keypoints or tuple(f"point_{i}" for i in range(count))
        if not self.names or count not in (0, len(self.names)):
            said = f"has {count} per box" if count else "does not say how many it has"
            raise ModelLoadFailed(
                f"'keypoints' in model.json names {len(self.manifest.keypoints)} points and the graph {said}. "
                f"Seen: {self.session.signature}."
            )

    def points(self, kept: Candidates) -> Floats:
        """[n, points, 3] x, y in input pixels and confidence: 1 where the network gives none."""
        values, left = divmod(kept.extras.shape[1], len(self.names))
        if left or values not in (2, 3):
            raise InferenceFailed(
                f"The model answers {kept.extras.shape[1]} values for {len(self.names)} keypoints; "
                "'keypoints' in model.json decides how many there are."
            )
        points = kept.extras.reshape(-1, len(self.names), values)
        if values == 3:
            return points
        return np.concatenate([points, np.ones((*points.shape[:2], 1), np.float32)], axis=2)

    def postprocess(self, raw: Raw, prepared: Prepared, params: KeypointParams) -> Poses:
        """Boxes and keypoints in source pixels."""
        kept = self.select(raw, params)
        points = self.points(kept)
        places = prepared.geometry.points_to_source(points[..., :2])
        result = Poses(
            prepared.image,
            prepared.geometry.boxes_to_source(kept.boxes),
            kept.scores,
            kept.class_ids,
            self.labels,
            keypoints=np.concatenate([places, points[..., 2:]], axis=2),
            names=self.names,
            skeleton=self.manifest.skeleton,
            keypoint_confidence=params.keypoint_confidence,
        )
        return with_keypoints(result, prepared.pixels, params)
