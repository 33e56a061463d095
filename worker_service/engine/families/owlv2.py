"""OWLv2: finds what texts say, or what looks like boxes that were drawn on other images.

``image.onnx`` answers for each patch an objectness, a box, a class embedding, and the shift and scale that make a logit
of a cosine; ``textual.onnx`` with ``tokenizer.json`` turns texts into embeddings of the same space. Or one graph
(``model.onnx``) takes an image and texts, and finds by texts alone: see ``owl_joint.py``. Of an example box
the embedding is that of the box which overlaps it most, the surest of those that do so nearly as well. Scores: of texts
the sigmoid of the logit, as in transformers; of examples (cosine + 1) / 2, as Roboflow has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from typing_extensions import override

from shared.errors import InferenceFailed, InvalidRequest, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Guess, Image, Model, Raw
from worker_service.engine.open_vocabulary import (
    ANYTHING,
    TASK,
    Array,
    Asked,
    Floats,
    OpenModel,
    OpenParams,
    TextSide,
    no_extras,
    normalised,
)
from worker_service.engine.owl_examples import ExampleVectors, OwlParams, best_of
from worker_service.engine.owl_input import MEAN, SIDE, STD, corners, fitted
from worker_service.engine.owl_joint import OwlJointModel, is_joint
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.tokens import FILE
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import sigmoid

IMAGE, TEXTUAL = "image.onnx", "textual.onnx"
CONTEXT = 16
OUTPUTS = {
    "objectness": ("objectness_logits", "objectness"),
    "boxes": ("pred_boxes", "boxes"),
    "embeds": ("class_embeds", "image_class_embeds"),
    "shift": ("logit_shift", "shift"),
    "scale": ("logit_scale", "scale"),
}


class Owlv2Model(OpenModel):
    """A loaded OWLv2."""

    params_type = OwlParams

    def __init__(self, package: Package, runtime: Runtime) -> None:
        """Raises ModelLoadFailed when the image side does not answer what examples need."""
        session = runtime.open(package.graph(IMAGE))
        super().__init__(package, session, runtime)
        names = [spec.name for spec in session.signature.outputs]
        self._places = {
            what: next((names.index(n) for n in known if n in names), -1) for what, known in OUTPUTS.items()
        }
        if min(self._places.values()) < 0:
            raise ModelLoadFailed(f"Family owlv2 reads {', '.join(OUTPUTS)} of {IMAGE}. Seen: {session.signature}.")
        own = TEXTUAL in self.manifest.graphs
        self._side = TextSide(package, runtime.open(package.graph(TEXTUAL)), CONTEXT) if own else None
        self._examples = ExampleVectors(runtime.remembered_bytes)

    @property
    @override
    def bytes(self) -> int:
        """And what is remembered of examples."""
        return super().bytes + self._examples.bytes

    def decoded(self, image: Image) -> tuple[Floats, Floats, Floats]:
        """Boxes [n, 4] in pixels of the image, objectness [n] and embeddings [n, width] of an image."""
        tensor, geometry = fitted(image, self.manifest.input)
        (raw,) = self._batcher.run([{self.input.name: tensor}])
        found = {what: raw[place] for what, place in self._places.items()}
        boxes = geometry.boxes_to_source(corners(found["boxes"], self.manifest.input))
        return boxes, sigmoid(found["objectness"].reshape(-1)), normalised(found["embeds"])

    @override
    def told(self, texts: tuple[str, ...], params: OpenParams) -> dict[str, Array]:
        del texts, params
        return {}

    @override
    def preprocess(self, image: Image, params: OpenParams) -> Asked:
        """As HF's processor: black below and right to a square, a Gaussian against aliasing, then bilinear."""
        assert isinstance(params, OwlParams)  # noqa: S101 - its own params
        tensor, geometry = fitted(image, self.manifest.input)
        asked = params.classes or params.asked or self.manifest.labels
        if asked and not params.training and self._side is None:
            raise InvalidRequest("This model has no text side: give examples, or add textual.onnx and tokenizer.json.")
        size = (geometry.width, geometry.height)
        pixels = image if params.visualize else None
        return Asked({self.input.name: tensor}, geometry, size, pixels, texts=asked or ANYTHING)

    @override
    def decode(self, raw: Raw, prepared: Asked, params: OpenParams) -> Candidates:
        assert isinstance(params, OwlParams)  # noqa: S101 - its own params
        found = {what: raw[place] for what, place in self._places.items()}
        count = len(found["boxes"])
        if found["boxes"].ndim != 2 or found["embeds"].ndim != 2 or len(found["embeds"]) != count:
            raise InferenceFailed(f"The model answers boxes {list(found['boxes'].shape)}.")
        if found["boxes"].shape[1] != 4 or any(found[name].size != count for name in ("objectness", "shift", "scale")):
            raise InferenceFailed(
                f"The model answers boxes {list(found['boxes'].shape)} with {found['shift'].size} shifts."
            )
        embeds = normalised(found["embeds"].astype(np.float32))
        scores, ids = self._scored(embeds, found, prepared.texts, params)
        kept = np.flatnonzero(scores > params.floor)
        return Candidates(
            corners(found["boxes"][kept], self.manifest.input), scores[kept], ids[kept], no_extras(len(kept))
        ).best(params.max_candidates)

    def _scored(
        self, embeds: Floats, found: Mapping[str, Array], texts: tuple[str, ...], params: Any
    ) -> tuple[Floats, Array]:
        """The best score of each box, and of what."""
        if params.training:
            return best_of(embeds, self._examples.of(params.training, self.decoded), texts)
        if self._side is None:  # asked for nothing: whatever it takes for an object
            return sigmoid(found["objectness"].reshape(-1).astype(np.float32)), np.zeros(len(embeds), np.int64)
        vectors = np.stack([self._side.vector(text) for text in texts])
        if vectors.shape[1] != embeds.shape[1]:
            raise InferenceFailed(f"Texts are {vectors.shape[1]} numbers, boxes {embeds.shape[1]}.")
        logits = (embeds @ vectors.T + found["shift"].reshape(-1, 1)) * found["scale"].reshape(-1, 1)
        scores = sigmoid(logits.astype(np.float32))
        return scores.max(axis=1), scores.argmax(axis=1)


class Owlv2Family:
    """Recognises an image side with embeddings, boxes, shift and scale, or one graph for images and texts."""

    name = "owlv2"
    task = TASK
    layouts = ((IMAGE, TEXTUAL), (IMAGE,))

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 for a graph of images and texts that tells objectness, which OWL-ViT's does not."""
        objectness = any(spec.name == "objectness_logits" for spec in signature.outputs)
        return (1.0 if objectness else 0.5) if is_joint(signature) else None

    def guess(self, signature: GraphSignature) -> Guess:
        """The original's preprocessing at the graph's size."""
        image = next((spec for spec in signature.inputs if len(spec.shape) == 4), None)
        unsure = ("family: OWL-ViT's graphs look like OWLv2's, and their images are prepared otherwise.",)
        return _guess((image and image.fixed(3)) or SIDE, unsure=unsure if self.matches(signature) != 1 else ())

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for the image side's outputs."""
        outputs = {spec.name for spec in graphs[IMAGE].outputs}
        return 1.0 if all(outputs & set(known) for known in OUTPUTS.values()) else None

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """The original's preprocessing at the graph's size."""
        return _guess(graphs[IMAGE].inputs[0].fixed(3) or SIDE)

    def load(self, package: Package, runtime: Runtime) -> Model[OpenParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return (Owlv2Model if IMAGE in package.manifest.graphs else OwlJointModel)(package, runtime)


def _guess(side: int, unsure: tuple[str, ...] = ()) -> Guess:
    image = {"width": side, "height": side, "resize": "stretch", "mean": MEAN, "std": STD}
    return Guess(classes=0, input=image, beside=(FILE,), unsure=unsure)


FAMILY: Family = Owlv2Family()
