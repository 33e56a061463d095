"""Image classifiers: one output [batch, classes] of logits or probabilities, single or multi label.

``activation`` in model.json says what is still to be done to the output. Without it, a single-label output whose rows
are probabilities (none negative, sum 1) is taken as it is and any other goes through a softmax; a multi-label output
within 0..1 is taken as it is and any other goes through a sigmoid. The rows are looked at once, at load.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Model, Prepared, Raw
from worker_service.engine.model import GraphModel
from worker_service.engine.params import ClassificationParams
from worker_service.engine.results import Classification, MultiLabel
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.visualise import with_banner

Floats = npt.NDArray[np.float32]

# Half floats keep about three digits, so probabilities in them add up to 1 within this.
SUM_TOLERANCE = 5e-3
PROBES = 4


class Classifier(GraphModel[ClassificationParams]):
    """A loaded classifier."""

    params_type = ClassificationParams

    def __init__(self, package: Package, runtime: Runtime) -> None:
        super().__init__(package, runtime)
        output, classes = self.session.signature.outputs[0], len(self.manifest.labels)
        if output.fixed(1) not in (None, classes) or not classes:
            raise ModelLoadFailed(f"The graph's output is {output}; 'labels' in model.json has {classes} names.")
        self._activation = self.manifest.activation or self._look()

    def postprocess(self, raw: Raw, prepared: Prepared, params: ClassificationParams) -> Classification:
        """Probabilities per label."""
        scores = self._probabilities(self._row(raw))
        kind = MultiLabel if self.manifest.multi_label else Classification
        result = kind(prepared.image, scores, self.manifest.labels, params.confidence)
        return with_banner(result, prepared.pixels, params)

    def _row(self, raw: Raw) -> Floats:
        row = raw[0].astype(np.float32).reshape(-1)
        if row.size != len(self.manifest.labels):
            raise InferenceFailed(f"The model answers {row.size} classes and has {len(self.manifest.labels)} labels.")
        return row

    def _probabilities(self, row: Floats) -> Floats:
        if self._activation == "softmax":
            powers = np.exp(row - row.max())
            return np.asarray(powers / powers.sum(), np.float32)
        if self._activation == "sigmoid":
            # The sigmoid written as a tanh, which does not overflow.
            return np.asarray(0.5 + 0.5 * np.tanh(0.5 * row), np.float32)
        return row

    def _look(self) -> str:
        """What the output needs, judged by the answers to a few pictures of seeded noise."""
        noise = np.random.default_rng(0)
        size = (self.manifest.input.height, self.manifest.input.width, 3)
        pictures = [noise.integers(0, 256, size, np.uint8) for _ in range(PROBES)]
        params = ClassificationParams()
        rows = [self._row(self.infer([self.preprocess(picture, params)])[0]) for picture in pictures]
        return activation_of(np.stack(rows), multi_label=self.manifest.multi_label)


def activation_of(rows: npt.NDArray[Any], *, multi_label: bool) -> str:
    """``none`` when rows [n, classes] look like probabilities already, else the activation that makes them so."""
    bounded = bool((rows >= 0).all() and (rows <= 1 + SUM_TOLERANCE).all())
    if multi_label:
        return "none" if bounded else "sigmoid"
    return "none" if bounded and bool(np.allclose(rows.sum(axis=1), 1, atol=SUM_TOLERANCE)) else "softmax"


class ClassificationFamily:
    """Recognises one output of rank 2 to one image input."""

    name = "classification"
    task = "classification"

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 with Ultralytics' metadata, 0.5 on shape alone."""
        if len(signature.inputs) != 1 or len(signature.outputs) != 1:
            return None
        image, output = signature.inputs[0], signature.outputs[0]
        if len(image.shape) != 4 or len(output.shape) != 2 or output.fixed(1) == 1:
            return None
        if image.fixed(0) != output.fixed(0):  # not a row per picture
            return None
        task = signature.metadata.get("task")
        if task not in (None, "classify") or (
            signature.labels and output.fixed(1) not in (None, len(signature.labels))
        ):
            return None
        return 1.0 if task else 0.5

    def guess(self, signature: GraphSignature) -> Guess:
        """Classes by the columns."""
        return Guess(classes=signature.outputs[0].fixed(1))

    def load(self, package: Package, runtime: Runtime) -> Model[ClassificationParams]:
        """Open the graph. Raises ModelLoadFailed."""
        return Classifier(package, runtime)


FAMILY: Family = ClassificationFamily()
