"""What detectors share that are told in words what to find: texts in, boxes with the text that each answers to out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field
from typing_extensions import override

from shared.errors import InferenceFailed, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Image, Prepared, Raw
from worker_service.engine.params import DetectionParams, parse
from worker_service.engine.recent import Recent
from worker_service.engine.results import Detections, Result, envelope
from worker_service.engine.runtime.batch import Batcher
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.tokens import Tokenizer, padded
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.fit import fit
from worker_service.engine.vision.nms import nms
from worker_service.engine.visualise import with_boxes

TASK = "open-vocabulary-detection"
ANYTHING = ("object",)
"""What is looked for when neither the request nor the model's labels say."""
MOST_TEXTS = 1000
REMEMBERED = 4096
"""Texts whose vectors are kept: they come again with every image."""

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float32]
Text = Annotated[str, Field(min_length=1, max_length=1000)]


class OpenParams(DetectionParams):
    """Open-vocabulary detection."""

    texts: tuple[Text, ...] | None = Field(
        None, min_length=1, max_length=MOST_TEXTS, description="What to find; absent: the model's labels."
    )
    prompt: str | None = Field(None, max_length=100_000, description="The same as one text, with commas between.")
    text_threshold: float | None = Field(
        None, ge=0, le=1, description="Tokens count for a phrase whose score is above it; absent: the confidence."
    )

    @property
    def asked(self) -> tuple[str, ...]:
        """What to find, if the request says so."""
        written = (self.prompt or "").split(",")
        return self.texts or tuple(phrase.strip() for phrase in written if phrase.strip())


@dataclass(frozen=True)
class Found(Detections):
    """Boxes; the labels are the texts that were asked for."""

    @override
    def to_dict(self) -> dict[str, Any]:
        """As for other boxes."""
        return envelope(TASK, self.image, {"predictions": self.rows()}, self.visualization)


@dataclass
class Asked(Prepared):
    """An image with what is to be found in it."""

    texts: tuple[str, ...] = ()


class OpenModel(ABC):
    """A ``Model``. Subclasses say what is fed beside the image, and how outputs become candidates."""

    params_type: type[OpenParams] = OpenParams
    _side: TextSide | None = None

    def __init__(self, package: Package, session: Session, runtime: Runtime) -> None:
        """Raises ModelLoadFailed when the graph has no image input."""
        self.manifest = package.manifest
        images = [spec for spec in session.signature.inputs if len(spec.shape) == 4]
        if len(images) != 1:
            raise ModelLoadFailed(f"Family {package.manifest.family} reads one image. Seen: {session.signature}.")
        self.session, self.input = session, images[0]
        for axis, size in ((2, self.manifest.input.height), (3, self.manifest.input.width)):
            if self.input.fixed(axis) not in (None, size):
                raise ModelLoadFailed(f"The graph's input is {self.input}; 'input' in model.json makes it otherwise.")
        self._batcher = Batcher(session, runtime.max_batch)
        self._file_bytes = package.bytes

    @abstractmethod
    def told(self, texts: tuple[str, ...], params: OpenParams) -> dict[str, Array]:
        """Graph inputs, without the batch axis, that say what to find. Raises InvalidRequest."""

    @abstractmethod
    def decode(self, raw: Raw, prepared: Asked, params: OpenParams) -> Candidates:
        """Boxes in input pixels. Raises InferenceFailed on odd shapes."""

    @property
    def max_batch(self) -> int:
        """Images per run."""
        return self._batcher.max_batch

    @property
    def bytes(self) -> int:
        """Files plus input buffers."""
        return self._file_bytes + self._batcher.bytes + (self._side.bytes if self._side is not None else 0)

    def params(self, values: Mapping[str, Any]) -> OpenParams:
        """Check a request's parameters. Raises InvalidRequest."""
        return parse(self.params_type, values, self.manifest)

    def preprocess(self, image: Image, params: OpenParams) -> Asked:
        """Resize and normalise, and turn the texts into what the graph reads. Raises InvalidRequest."""
        tensor, geometry = fit(image, self.manifest.input)
        texts = params.asked or self.manifest.labels or ANYTHING
        tensors = {self.input.name: tensor, **self.told(texts, params)}
        size = (geometry.width, geometry.height)
        return Asked(tensors, geometry, size, image if params.visualize else None, texts=texts)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """Run the graph, once for each count of texts or tokens in the batch. Raises InferenceFailed."""
        raws: dict[int, Raw] = {}
        shapes = [tuple((name, array.shape) for name, array in item.tensors.items()) for item in batch]
        for shape in dict.fromkeys(shapes):
            places = [i for i, other in enumerate(shapes) if other == shape]
            raws |= zip(places, self._batcher.run([batch[i].tensors for i in places]), strict=True)
        return [raws[i] for i in range(len(batch))]

    def postprocess(self, raw: Raw, prepared: Prepared, params: OpenParams) -> Result:
        """The boxes in source pixels."""
        if not isinstance(prepared, Asked):
            raise InferenceFailed("The image was prepared for another model.")
        found = self.decode(raw, prepared, params).of_classes(prepared.texts, params.class_filter)
        groups = None if params.class_agnostic_nms else found.class_ids
        kept = found.take(nms(found.boxes, found.scores, groups, params.iou_threshold, params.max_detections))
        boxes = prepared.geometry.boxes_to_source(kept.boxes)
        result = Found(prepared.image, boxes, kept.scores, kept.class_ids, prepared.texts)
        return with_boxes(result, prepared.pixels, params)


class TextSide:
    """A graph that turns texts into vectors, with its tokenizer; remembers them."""

    def __init__(self, package: Package, session: Session, context: int) -> None:
        """Raises ModelLoadFailed when the graph reads no tokens or answers no vectors."""
        inputs = [spec for spec in session.signature.inputs if len(spec.shape) == 2]
        self._ids = next((spec for spec in inputs if "mask" not in spec.name), None)
        self._mask = next((spec for spec in inputs if "mask" in spec.name), None)
        flat = [i for i, spec in enumerate(session.signature.outputs) if len(spec.shape) == 2]
        if self._ids is None or not flat:
            raise ModelLoadFailed(f"The text graph reads tokens and answers vectors. Seen: {session.signature}.")
        self._output = flat[0]
        self._tokenizer = Tokenizer(package)
        self._context = self._ids.fixed(1) or context
        self._batcher = Batcher(session, 16)
        self._vectors: Recent[Floats] = Recent(REMEMBERED)

    @property
    def bytes(self) -> int:
        """Input buffers."""
        return self._batcher.bytes

    def vector(self, text: str) -> Floats:
        """Of length 1. Raises InferenceFailed."""
        return self._vectors.get(text, lambda: self._vector(text))

    def _vector(self, text: str) -> Floats:
        assert self._ids is not None  # noqa: S101 - checked when made
        ids = self._tokenizer.ids(text)
        row = {self._ids.name: padded(ids, self._context)}
        if self._mask is not None:
            row[self._mask.name] = padded([1] * len(ids), self._context)
        (raw,) = self._batcher.run([row])
        return normalised(raw[self._output].astype(np.float32))


def normalised(vectors: Array) -> Floats:
    """Of length 1 along the last axis, as the originals do it."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-6), np.float32)


def no_extras(count: int) -> Floats:
    """``Candidates.extras`` of families that have none."""
    return np.zeros((count, 0), np.float32)
