"""OWLv2 in one graph, as optimum exports it for zero-shot detection: an image and its texts in, boxes and logits out.

``pixel_values`` [1, 3, h, w] with ``input_ids`` and ``attention_mask`` [texts, tokens] to ``logits`` [1, boxes, texts]
and ``pred_boxes`` [1, boxes, 4]. Texts run with every image, and what examples would need is not answered.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from typing_extensions import override

from shared.errors import InferenceFailed, InvalidRequest, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Image, Prepared, Raw
from worker_service.engine.open_vocabulary import ANYTHING, Array, Asked, OpenModel, OpenParams, no_extras
from worker_service.engine.owl_examples import OwlParams
from worker_service.engine.owl_input import corners, fitted
from worker_service.engine.runtime.session import Runtime, numpy_dtype
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.tokens import Tokenizer, padded
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import sigmoid

IDS, MASK, LOGITS, BOXES = "input_ids", "attention_mask", "logits", "pred_boxes"
CONTEXT = 16


class OwlJointModel(OpenModel):
    """A loaded OWLv2 of one graph."""

    params_type = OwlParams

    def __init__(self, package: Package, runtime: Runtime) -> None:
        """Raises ModelLoadFailed when the graph is of another layout."""
        session = runtime.open(package.graph())
        super().__init__(package, session, runtime)
        if not is_joint(session.signature):
            raise ModelLoadFailed(f"Family owlv2 reads {IDS} and an image, or image.onnx. Seen: {session.signature}.")
        self._inputs = {spec.name: spec for spec in session.signature.inputs}
        outputs = [spec.name for spec in session.signature.outputs]
        self._logits, self._boxes = outputs.index(LOGITS), outputs.index(BOXES)
        self._tokenizer = Tokenizer(package)
        self._rows, self._context = self._inputs[IDS].fixed(0), self._inputs[IDS].fixed(1) or CONTEXT

    @property
    @override
    def max_batch(self) -> int:
        """One: the graph shares out its texts among the images of a batch."""
        return 1

    @override
    def told(self, texts: tuple[str, ...], params: OpenParams) -> dict[str, Array]:
        """[texts, tokens] each; rows of zeros, which find nothing, where the graph takes a fixed number of texts."""
        if self._rows is not None and len(texts) > self._rows:
            raise InvalidRequest(f"This model's graph was exported for {self._rows} texts; {len(texts)} were given.")
        rows = [self._tokenizer.ids(text) for text in texts]
        rows += [[] for _ in range((self._rows or 0) - len(texts))]
        fed = {
            IDS: np.stack([padded(ids, self._context) for ids in rows]),
            MASK: np.stack([padded([1] * len(ids), self._context) for ids in rows]),
        }
        return {name: array for name, array in fed.items() if name in self._inputs}

    @override
    def preprocess(self, image: Image, params: OpenParams) -> Asked:
        """Raises InvalidRequest for examples."""
        if isinstance(params, OwlParams) and params.training:
            raise InvalidRequest("This model finds by texts alone; examples need an export with image.onnx.")
        tensor, geometry = fitted(image, self.manifest.input)
        texts = params.asked or self.manifest.labels or ANYTHING
        size = (geometry.width, geometry.height)
        pixels = image if params.visualize else None
        return Asked({self.input.name: tensor, **self.told(texts, params)}, geometry, size, pixels, texts=texts)

    @override
    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Run the graph for each image. Raises InferenceFailed."""
        return [self._one(item) for item in batch]

    def _one(self, item: Prepared) -> Raw:
        fed = {
            name: (array[None] if name == self.input.name else array).astype(
                numpy_dtype(self._inputs[name]), copy=False
            )
            for name, array in item.tensors.items()
        }
        outputs = self.session.run(fed)
        logits, boxes = outputs[self._logits], outputs[self._boxes]
        if logits.ndim != 3 or boxes.ndim != 3 or len(logits) != 1 or len(boxes) != 1:
            raise InferenceFailed(f"The model answers logits {list(logits.shape)} and boxes {list(boxes.shape)}.")
        return logits[0], boxes[0]

    @override
    def decode(self, raw: Raw, prepared: Asked, params: OpenParams) -> Candidates:
        logits, boxes = raw
        expected = self._rows or len(prepared.texts)
        if logits.ndim != 2 or logits.shape[1] != expected or boxes.shape != (len(logits), 4):
            raise InferenceFailed(f"The model answers logits {list(logits.shape)} and boxes {list(boxes.shape)}.")
        scores = sigmoid(logits[:, : len(prepared.texts)].astype(np.float32))
        best, ids = scores.max(axis=1), scores.argmax(axis=1)
        kept = np.flatnonzero(best > params.floor)
        found = Candidates(corners(boxes[kept], self.manifest.input), best[kept], ids[kept], no_extras(len(kept)))
        return found.best(params.max_candidates)


def is_joint(signature: GraphSignature) -> bool:
    """Whether a graph takes an image and texts, and answers boxes and a logit for each text."""
    inputs, outputs = ({spec.name for spec in side} for side in (signature.inputs, signature.outputs))
    images = sum(len(spec.shape) == 4 for spec in signature.inputs)
    return images == 1 and IDS in inputs and "token_type_ids" not in inputs and {LOGITS, BOXES} <= outputs
