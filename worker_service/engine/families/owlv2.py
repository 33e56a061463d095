"""OWLv2: finds what texts say, or what looks like boxes that were drawn on other images.

``image.onnx`` answers for each patch an objectness, a box, a class embedding, and the shift and scale that make a logit
of a cosine; ``textual.onnx`` with ``tokenizer.json`` turns texts into embeddings of the same space. Of an example box
the embedding is that of the box which overlaps it most, the surest of those that do so nearly as well. Scores: of texts
the sigmoid of the logit, as in transformers; of examples (cosine + 1) / 2, as Roboflow has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
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
from worker_service.engine.runtime.session import Runtime
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.tokens import FILE
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.fit import Geometry
from worker_service.engine.vision.layouts import sigmoid
from worker_service.engine.vision.nms import centre_to_corners

IMAGE, TEXTUAL = "image.onnx", "textual.onnx"
CONTEXT = 16
OUTPUTS = {
    "objectness": ("objectness_logits", "objectness"),
    "boxes": ("pred_boxes", "boxes"),
    "embeds": ("class_embeds", "image_class_embeds"),
    "shift": ("logit_shift", "shift"),
    "scale": ("logit_scale", "scale"),
}
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


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
        tensor, geometry = self._fitted(image)
        (raw,) = self._batcher.run([{self.input.name: tensor}])
        found = {what: raw[place] for what, place in self._places.items()}
        boxes = geometry.boxes_to_source(self._corners(found["boxes"]))
        return boxes, sigmoid(found["objectness"].reshape(-1)), normalised(found["embeds"])

    @override
    def told(self, texts: tuple[str, ...], params: OpenParams) -> dict[str, Array]:
        del texts, params
        return {}

    @override
    def preprocess(self, image: Image, params: OpenParams) -> Asked:
        """As HF's processor: black below and right to a square, a Gaussian against aliasing, then bilinear."""
        assert isinstance(params, OwlParams)  # noqa: S101 - its own params
        tensor, geometry = self._fitted(image)
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
        return Candidates(self._corners(found["boxes"][kept]), scores[kept], ids[kept], no_extras(len(kept))).best(
            params.max_candidates
        )

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

    def _corners(self, boxes: Array) -> Floats:
        spec = self.manifest.input
        scale = np.array([spec.width, spec.height, spec.width, spec.height], np.float32)
        return np.asarray(centre_to_corners(boxes.astype(np.float32)) * scale, np.float32)

    def _fitted(self, image: Image) -> tuple[Floats, Geometry]:
        spec = self.manifest.input
        rows, columns = image.shape[:2]
        side = max(rows, columns)
        square = np.zeros((side, side, 3), np.float32)
        square[:rows, :columns] = image[..., ::-1]
        square *= np.float32(spec.scale)
        factor = side / spec.width
        if factor > 1:
            sigma = (factor - 1) / 2
            width = 2 * int(4 * sigma + 0.5) + 1
            square = np.asarray(cv2.GaussianBlur(square, (width, width), sigma, borderType=cv2.BORDER_REFLECT_101))
        small = cv2.resize(square, (spec.width, spec.height), interpolation=cv2.INTER_LINEAR)
        tensor = (np.asarray(small, np.float32) - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
        gain = spec.width / side
        return np.ascontiguousarray(tensor.transpose(2, 0, 1), np.float32), Geometry(gain, gain, 0, 0, columns, rows)


class Owlv2Family:
    """Recognises an image side with embeddings, boxes, shift and scale."""

    name = "owlv2"
    task = TASK
    layouts = ((IMAGE, TEXTUAL), (IMAGE,))

    def matches(self, signature: GraphSignature) -> float | None:
        """No single graph under another name is read."""
        del signature
        return None

    def guess(self, signature: GraphSignature) -> Guess:
        """Never asked: it matches none."""
        del signature
        return Guess(classes=0)

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for the image side's outputs."""
        outputs = {spec.name for spec in graphs[IMAGE].outputs}
        return 1.0 if all(outputs & set(known) for known in OUTPUTS.values()) else None

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """The original's preprocessing at the graph's size."""
        side = graphs[IMAGE].inputs[0].fixed(3) or 960
        image = {"width": side, "height": side, "resize": "stretch", "mean": MEAN, "std": STD}
        return Guess(classes=0, input=image, beside=(FILE,))

    def load(self, package: Package, runtime: Runtime) -> Model[OpenParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return Owlv2Model(package, runtime)


FAMILY: Family = Owlv2Family()
