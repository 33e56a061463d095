"""YOLO-World, version 2: an image and the vectors of texts in (``txt_feats`` [batch, texts, width]), YOLOv8's rows out.

The vectors are of a text graph in the model's own folder (``textual.onnx`` and ``tokenizer.json``), or of the CLIP
model that ``text_model`` in model.json names, which is loaded once for all that use it. Exports whose vocabulary was
baked in are plain ``yolov8``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import override

from shared.errors import InferenceFailed, ModelLoadFailed, ModelNotFound
from worker_service.engine.artifacts import Package
from worker_service.engine.embedding_results import Embedding
from worker_service.engine.family import AnyModel, Family, Guess, Model, Raw, prepare_text
from worker_service.engine.manifest import Manifest
from worker_service.engine.open_vocabulary import (
    REMEMBERED,
    TASK,
    Array,
    Asked,
    Floats,
    OpenModel,
    OpenParams,
    TextSide,
    normalised,
)
from worker_service.engine.recent import Recent
from worker_service.engine.runtime.session import Runtime, Session
from worker_service.engine.runtime.signature import GraphSignature, TensorSpec
from worker_service.engine.tokens import FILE
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.layouts import channel_rows

FEATURES = "txt_feats"
TEXTUAL = "textual.onnx"
CONTEXT = 77


class Options(BaseModel):
    """What a manifest may say of this family beside the usual."""

    model_config = ConfigDict(protected_namespaces=())

    text_model: str = Field("clip/ViT-B-32", max_length=200)


class YoloWorldModel(OpenModel):
    """A loaded YOLO-World."""

    def __init__(self, package: Package, session: Session, runtime: Runtime) -> None:
        super().__init__(package, session, runtime)
        feats = features(session.signature)
        if feats is None or len(session.signature.outputs) != 1:
            raise ModelLoadFailed(f"Family yolo-world reads images and txt_feats. Seen: {session.signature}.")
        self._feats = feats
        self._runtime = runtime
        self._named = options(self.manifest).text_model
        own = TEXTUAL in self.manifest.graphs
        self._side = TextSide(package, runtime.open(package.graph(TEXTUAL)), CONTEXT) if own else None
        self._remembered: Recent[Floats] = Recent(REMEMBERED)

    @property
    def needs(self) -> tuple[str, ...]:
        """The CLIP model that turns texts into vectors, where the folder has no text side of its own."""
        return () if self._side is not None else (self._named,)

    @override
    def told(self, texts: tuple[str, ...], params: OpenParams) -> dict[str, Array]:
        """Raises ModelLoadFailed when the vectors are of another width, or their model is not there."""
        vectors = np.stack(self._own(texts) if self._side is not None else self._elsewhere(texts))
        if self._feats.fixed(2) not in (None, vectors.shape[1]):
            raise ModelLoadFailed(f"The graph takes {self._feats}; the text model answers {vectors.shape[1]} numbers.")
        return {self._feats.name: vectors}

    @override
    def decode(self, raw: Raw, prepared: Asked, params: OpenParams) -> Candidates:
        count = len(prepared.texts)
        if raw[0].ndim != 2 or len(raw[0]) != 4 + count:
            raise InferenceFailed(f"The model answers {list(raw[0].shape)} to {count} texts.")
        return channel_rows(raw[0], count, params.floor, params.max_candidates)

    def _own(self, texts: Sequence[str]) -> list[Floats]:
        assert self._side is not None  # noqa: S101 - asked before
        return [self._side.vector(text) for text in texts]

    def _elsewhere(self, texts: Sequence[str]) -> list[Floats]:
        model = self._text_model()
        made_by = model.manifest.digest  # vectors of a model that has been replaced are of no use
        return [self._remembered.get((made_by, text), partial(vector_of, model, text)) for text in texts]

    def _text_model(self) -> AnyModel:
        if self._runtime.model_of is None:
            raise ModelLoadFailed("There is no textual.onnx beside the graph, and nobody to ask for another model.")
        try:
            model: AnyModel = self._runtime.model_of(self._named)
        except ModelNotFound as error:
            raise ModelLoadFailed(
                f"Texts are turned into vectors by {self._named!r}, which is not in the repository: add it, name "
                f"another as 'text_model' in model.json, or put {TEXTUAL} and {FILE} beside the graph."
            ) from error
        return model


def vector_of(model: AnyModel, text: str) -> Floats:
    """Of length 1. Raises ModelLoadFailed when the model answers none."""
    params = model.params({})
    item = prepare_text(model, text, params)
    (raw,) = model.infer([item])
    found = model.postprocess(raw, item, params)
    if not isinstance(found, Embedding):
        raise ModelLoadFailed(f"'text_model' in model.json names {model.manifest.id!r}, which answers no vectors.")
    return normalised(found.vector)


def features(signature: GraphSignature) -> TensorSpec | None:
    """The input that takes the texts."""
    found = (spec for spec in signature.inputs if len(spec.shape) == 3 and spec.dtype.startswith("float"))
    return next(found, None)


def options(manifest: Manifest) -> Options:
    """Raises ModelLoadFailed."""
    try:
        return Options.model_validate(manifest.model_extra or {})
    except ValidationError as error:
        raise ModelLoadFailed("'text_model' in model.json is the id of a model.") from error


class YoloWorldFamily:
    """Recognises the layout by the name of its second input."""

    name = "yolo-world"
    task = TASK
    layouts = (("model.onnx", TEXTUAL), ("weights.onnx", TEXTUAL))

    def matches(self, signature: GraphSignature) -> float | None:
        """1.0 for images and ``txt_feats``."""
        names = {spec.name for spec in signature.inputs}
        return 1.0 if FEATURES in names and len(names) == 2 and len(signature.outputs) == 1 else None

    def guess(self, signature: GraphSignature) -> Guess:
        """YOLOv8's preprocessing, which is the default."""
        del signature
        return Guess(classes=0, beside=(TEXTUAL, FILE))

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """As of the first graph."""
        return self.matches(next(iter(graphs.values())))

    def guess_graphs(self, graphs: Mapping[str, GraphSignature]) -> Guess:
        """The size of the first graph."""
        image = next(spec for spec in next(iter(graphs.values())).inputs if len(spec.shape) == 4)
        size = {"width": image.fixed(3) or 640, "height": image.fixed(2) or 640}
        return Guess(classes=0, input=size, beside=(FILE,))

    def load(self, package: Package, runtime: Runtime) -> Model[OpenParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        names = [name for name in package.manifest.graphs if name != TEXTUAL]
        if len(names) != 1:
            raise ModelLoadFailed(f"Family yolo-world reads one graph beside {TEXTUAL}, not {', '.join(names)}.")
        return YoloWorldModel(package, runtime.open(package.graph(names[0])), runtime)


FAMILY: Family = YoloWorldFamily()
