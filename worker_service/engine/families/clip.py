"""CLIP and its kin (OpenCLIP, Perception Encoder): images and texts as vectors of one space.

Two graphs, one for each side (``visual.onnx`` and ``textual.onnx``, or Hugging Face's ``vision_model.onnx`` and
``text_model.onnx``), answer vectors of any length. One graph for both (``model.onnx``) answers ``image_embeds`` and
``text_embeds``, normalised; it runs both sides at once, so the one that is not asked for gets the least that it takes.
Texts are split by the folder's ``tokenizer.json``, and filled up to ``context_length`` (77) with zeros: the graphs look
at the first end-of-text token and at nothing behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.embedding_results import Embedding, Vector, cosines
from worker_service.engine.family import Family, Guess, Image, Model, Prepared, Raw
from worker_service.engine.manifest import Manifest
from worker_service.engine.params import EmbeddingParams, parse
from worker_service.engine.recent import Recent
from worker_service.engine.runtime.batch import Batcher, by_first_axis
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.engine.tokens import FILE, Tokenizer, padded
from worker_service.engine.vision.fit import NOWHERE, fit

Array = npt.NDArray[Any]

SIDES = (("visual.onnx", "textual.onnx"), ("vision_model.onnx", "text_model.onnx"))
JOINT = ("model.onnx", "weights.onnx")
IMAGE, TEXT = "image", "text"
EMBEDS = {IMAGE: ("image_embeds", "image_features"), TEXT: ("text_embeds", "text_features")}
CONTEXT = 77
INPUT = {
    "resize": "center-crop",
    "interpolation": "antialias-cubic",
    "crop_offset": "floor",
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
}
REMEMBERED = 4096
"""Texts whose vectors are kept: prompts are few and come again with every image."""


class Options(BaseModel):
    """What a manifest may say of this family beside the usual."""

    context_length: int = Field(CONTEXT, ge=2, le=4096)


class Side:
    """One side of the model: what it is fed, and where its vectors are."""

    def __init__(self, session: Session, kind: str, max_batch: int) -> None:
        """Raises ModelLoadFailed when the graph has no such side."""
        inputs = session.signature.inputs
        own = [spec for spec in inputs if _is_of(spec, kind)]
        named = [i for i, spec in enumerate(session.signature.outputs) if spec.name in EMBEDS[kind]]
        flat = [i for i, spec in enumerate(session.signature.outputs) if len(spec.shape) == 2]
        if len(own) != 1 or not (named or len(flat) == 1):
            raise ModelLoadFailed(f"Family clip finds no {kind} side. Seen: {session.signature}.")
        self.input = own[0]
        self.mask = next((spec.name for spec in inputs if "mask" in spec.name), None)
        self._output = (named or flat)[0]
        self._dimensions = session.signature.outputs[self._output].fixed(1)
        self.batcher = Batcher(session, max_batch)

    def run(self, rows: Sequence[Mapping[str, Array]]) -> list[Raw]:
        """One vector per row of inputs. Raises InferenceFailed."""
        return self.batcher.run(rows, self._split)

    def _split(self, outputs: Sequence[Array], count: int) -> list[Raw]:
        return by_first_axis([outputs[self._output]], count)

    def vector(self, raw: Raw) -> Vector:
        """The answer as a vector. Raises InferenceFailed for anything else."""
        vector = raw[0].astype(np.float32)
        if vector.ndim != 1 or self._dimensions not in (None, len(vector)) or not np.isfinite(vector).all():
            raise InferenceFailed("The model answers no vector of numbers.")
        return vector


def _image_of(signature: GraphSignature) -> TensorSpec:
    return next(spec for spec in signature.inputs if _is_of(spec, IMAGE))


def _is_of(spec: TensorSpec, kind: str) -> bool:
    if kind == IMAGE:
        return len(spec.shape) == 4
    return len(spec.shape) == 2 and "mask" not in spec.name


class ClipModel:
    """A loaded CLIP."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self.manifest = package.manifest
        self._tokenizer = Tokenizer(package)
        self._sides, joint = _sides(package, runtime)
        self.max_batch = min(side.batcher.max_batch for side in self._sides.values())
        self._context = self._sides[TEXT].input.fixed(1) or _options(self.manifest).context_length
        self._rest: dict[str, dict[str, Array]] = {IMAGE: {}, TEXT: {}}
        if joint:
            spec = self.manifest.input
            blank = np.zeros((3, spec.height, spec.width), np.float32)
            self._rest = {IMAGE: self._text_row(""), TEXT: {self._sides[IMAGE].input.name: blank}}
        self._file_bytes = package.bytes
        self._remembered: Recent[Vector] = Recent(REMEMBERED)

    @property
    def bytes(self) -> int:
        """Files plus input buffers."""
        return self._file_bytes + sum(side.batcher.bytes for side in self._sides.values())

    def params(self, values: Mapping[str, Any]) -> EmbeddingParams:
        """Check a request's parameters. Raises InvalidRequest."""
        return parse(EmbeddingParams, values, self.manifest)

    def preprocess(self, image: Image, params: EmbeddingParams) -> Prepared:
        """Resize and normalise as the manifest's ``input`` says."""
        tensor, geometry = fit(image, self.manifest.input)
        row = {self._sides[IMAGE].input.name: tensor, **self._rest[IMAGE]}
        return Prepared(row, geometry, (geometry.width, geometry.height), kind=IMAGE)

    def preprocess_text(self, text: str, params: EmbeddingParams) -> Prepared:
        """Split into tokens. Raises InvalidRequest for a text without end."""
        return Prepared({**self._text_row(text), **self._rest[TEXT]}, NOWHERE, (0, 0), kind=TEXT)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Run the side of each item, once for each side. Raises InferenceFailed."""
        raws: dict[int, Raw] = {}
        for kind, side in self._sides.items():
            places = [i for i, item in enumerate(batch) if item.kind == kind]
            if places:
                raws |= zip(places, side.run([batch[i].tensors for i in places]), strict=True)
        return [raws[i] for i in range(len(batch))]

    def postprocess(self, raw: Raw, prepared: Prepared, params: EmbeddingParams) -> Embedding:
        """The vector, and how near it is to the texts that the request names. Raises InferenceFailed."""
        vector = self._sides[prepared.kind].vector(raw)
        if params.texts is None:
            return Embedding(prepared.image, vector)
        return Embedding(prepared.image, vector, cosines(vector, [self._of_text(text) for text in params.texts]))

    def _text_row(self, text: str) -> dict[str, Array]:
        side, ids = self._sides[TEXT], self._tokenizer.ids(text)
        row = {side.input.name: padded(ids, self._context)}
        if side.mask is not None:
            row[side.mask] = padded([1] * len(ids), self._context)
        return row

    def _of_text(self, text: str) -> Vector:
        return self._remembered.get(text, lambda: self._text_vector(text))

    def _text_vector(self, text: str) -> Vector:
        (raw,) = self.infer([self.preprocess_text(text, EmbeddingParams())])
        return self._sides[TEXT].vector(raw)


def _sides(package: Package, runtime: Runtime) -> tuple[dict[str, Side], bool]:
    """Both sides, and whether one graph holds them. Raises ModelLoadFailed."""
    graphs, kinds = package.manifest.graphs, (IMAGE, TEXT)
    for names in SIDES:
        if set(names) <= set(graphs):
            opened = [runtime.open(package.graph(name)) for name in names]
            pairs = zip(kinds, opened, strict=True)
            return {kind: Side(session, kind, runtime.max_batch) for kind, session in pairs}, False
    name = next((name for name in JOINT if name in graphs), None)
    if name is None:
        raise ModelLoadFailed(
            f"Family clip reads {' or '.join(' and '.join(names) for names in SIDES)}, or {JOINT[0]}; "
            f"'files' in model.json lists {', '.join(graphs) or 'no graph'}."
        )
    session = runtime.open(package.graph(name))
    return {kind: Side(session, kind, runtime.max_batch) for kind in kinds}, True


def _options(manifest: Manifest) -> Options:
    try:
        return Options.model_validate(manifest.model_extra or {})
    except ValidationError as error:
        raise ModelLoadFailed("'context_length' in model.json is a number of tokens, 2 at least.") from error


class ClipFamily:
    """Recognises graphs with an image and a text side; packages of two graphs have to name it."""

    name = "clip"
    task = "embedding"
    layouts = SIDES

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 for a joint graph with Hugging Face's names."""
        outputs = {spec.name for spec in signature.outputs}
        both = all(outputs & set(names) for names in EMBEDS.values())
        takes = {"pixel_values", "input_ids"} <= {spec.name for spec in signature.inputs}
        return 1.0 if both and takes and "pred_boxes" not in outputs else None  # which OWL answers, too

    def guess(self, signature: GraphSignature) -> Guess:
        """OpenAI's preprocessing."""
        size = {} if signature.inputs and _image_of(signature).fixed(2) else {"width": 224, "height": 224}
        unsure = ("input: OpenAI's way of resizing, mean and std were assumed.",)
        return Guess(classes=0, input={**INPUT, **size}, beside=(FILE,), unsure=unsure)

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for an image side and a text side."""
        visual, textual = graphs.values()
        sides = zip((visual, textual), (IMAGE, TEXT), strict=True)
        return 1.0 if all(any(_is_of(spec, kind) for spec in side.inputs) for side, kind in sides) else None

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """OpenAI's preprocessing, at the size of the image side."""
        image = _image_of(next(iter(graphs.values())))
        size = {"width": image.fixed(3) or 224, "height": image.fixed(2) or 224}
        unsure = ("input: OpenAI's way of resizing, mean and std were assumed.",)
        return Guess(classes=0, input={**INPUT, **size}, beside=(FILE,), unsure=unsure)

    def load(self, package: Package, runtime: Runtime) -> Model[EmbeddingParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return ClipModel(package, runtime)


FAMILY: Family = ClipFamily()
