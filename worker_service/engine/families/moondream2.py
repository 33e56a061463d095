"""Moondream2: an image and a question in, an answer out; or a caption, boxes or points of what is asked for.

``moondream.json`` says how the image is cut, and which tokens stand around the words of each task. The decoder sees a
first token, the image's features and the prompt; it looks at the image from everywhere, the mask is its graph's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import InvalidRequest, ModelLoadFailed
from worker_service.engine.artifacts import Package
from worker_service.engine.family import Family, Image, Model, Prepared, Raw
from worker_service.engine.formats.huggingface import read_json
from worker_service.engine.generation.decoder import EMBEDS, MASK, MERGED, Decoder
from worker_service.engine.generation.loop import Loop, Request
from worker_service.engine.generation.options import ask_of, options_of
from worker_service.engine.generation.outcome import account, unpacked
from worker_service.engine.generation.regions import GRAPHS as REGION
from worker_service.engine.generation.regions import MOST, Places, Regions
from worker_service.engine.generation.seen import Look, WriterFamily
from worker_service.engine.generation.writing import Writing, write
from worker_service.engine.params import GenerationParams, parse
from worker_service.engine.results import Detections
from worker_service.engine.runtime.session import Runtime, Session, numpy_dtype
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.text_results import WrittenText
from worker_service.engine.tokens import Tokenizer
from worker_service.engine.vision.crops import Cutting, crops, pooled, stitched
from worker_service.engine.vision.fit import Geometry, fit

Array = npt.NDArray[Any]
VISION, PROJECTION, WORDS = "vision_encoder.onnx", "vision_projection.onnx", "embed_tokens.onnx"
WRITING = (VISION, PROJECTION, WORDS, MERGED)
CONFIG, HIDDEN, SIDE = "moondream.json", "hidden", 378
QUERY, CAPTION, DETECT, POINT = "query", "caption", "detect", "point"


class Around(BaseModel):
    """Tokens before and behind the words of a prompt."""

    prefix: list[int]
    suffix: list[int]


class Prompts(BaseModel):
    """Tokens of each task; ``caption`` is whole, by its length."""

    query: Around
    caption: dict[str, list[int]] = {}
    detect: Around | None = None
    point: Around | None = None


class Config(BaseModel):
    """``moondream.json``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    bos_id: int = Field(ge=0)
    patch_size: int = Field(14, ge=1)
    overlap_margin: int = Field(4, ge=0)
    max_crops: int = Field(12, ge=1, le=64)
    templates: Prompts


@dataclass(frozen=True)
class Asked:
    """A task, its words, its tokens, and the request's wishes."""

    task: str
    words: str
    ids: list[int]
    params: GenerationParams


class Moondream2Model:
    """A loaded Moondream2."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        """Raises ModelLoadFailed."""
        self.manifest = package.manifest
        self._tokenizer, self._options, self._config = Tokenizer(package), options_of(package), config_of(package)
        spec = package.manifest.input
        self._cutting = Cutting(
            spec.width, self._config.patch_size, self._config.overlap_margin, self._config.max_crops
        )
        if spec.width != spec.height or self._cutting.window <= 0:
            raise ModelLoadFailed("Crops are squares wider than their margins; see 'input' and moondream.json.")
        opened = [runtime.open(package.graph(name)) for name in WRITING[:3]]
        self._vision, self._projection, self._embedder = opened
        self._decoder = Decoder(package, runtime, beside=(HIDDEN,))
        self._places: Places | None = None
        size = self._embedded(np.zeros((1, 1), np.int64)).shape[-1]
        self._vocabulary = self._decoder.width_of(size) - size
        if set(REGION) <= set(package.manifest.graphs):
            self._places = Places(package, runtime, self._vocabulary)
        self.max_batch, self.bytes = runtime.max_batch, package.bytes

    def params(self, values: Mapping[str, Any]) -> GenerationParams:
        """Check a request's parameters. Raises InvalidRequest."""
        return parse(GenerationParams, values, self.manifest)

    def preprocess(self, image: Image, params: GenerationParams) -> Prepared:
        """The image's crops, and the prompt as tokens. Raises InvalidRequest."""
        task, words = task_of(params.prompt)
        ids = self._ids(task, words)
        cut, rows, columns = crops(image, self._cutting)
        spec = self.manifest.input
        pixels = np.stack([fit(crop, spec)[0] for crop in cut])
        tensors = {VISION: pixels, "layout": np.array([rows, columns])}
        size = (image.shape[1], image.shape[0])
        geometry = Geometry(spec.width / size[0], spec.height / size[1], 0, 0, *size)
        return Prepared(tensors, geometry, size, ask=Asked(task, words, ids, params))

    def open(self) -> Writing:
        """A run of many steps that others may join."""
        return Writing(Loop(self._decoder, self._said, self._fed), self._begin)

    def infer(self, batch: Sequence[Prepared]) -> list[Raw]:
        """See all images, then write all answers together. Raises InferenceFailed."""
        return write(self.open(), batch)

    def postprocess(self, raw: Raw, prepared: Prepared, params: GenerationParams) -> WrittenText:
        """The text, or the places. Raises DeadlineExceeded when nobody had waited for its end."""
        found, asked, image = unpacked(raw), prepared.ask, prepared.image
        if self._places is None or asked.task not in (DETECT, POINT):
            return WrittenText(image, found.text.strip(), account(found))
        if asked.task == POINT:
            points = (self._places.points(found.ids) * image).tolist()
            said = {"points": points, "labels": [asked.words] * len(points)}
            return WrittenText(image, {POINT: said}, account(found))
        boxes = (self._places.boxes(found.ids).clip(0, 1) * (image * 2)).astype(np.float32)
        count, labels = len(boxes), (asked.words,)
        boxed = Detections(image, boxes, np.ones(count, np.float32), np.zeros(count, np.int64), labels)
        said = {"bboxes": boxes.tolist(), "labels": [asked.words] * count}
        return WrittenText(image, {DETECT: said}, account(found), boxed)

    def see(self, tensors: Mapping[str, Array]) -> Array:
        """[length, size] features of one image, the whole's beside those of its crops. Raises InferenceFailed."""
        seen = _run(self._vision, tensors[VISION])
        grid = self._cutting.grid
        rows, columns = tensors["layout"].tolist()
        near = stitched(seen[1:].reshape(-1, grid, grid, seen.shape[-1]), rows, columns, self._cutting.margin)
        both = np.concatenate([seen[0], pooled(near, grid).reshape(grid * grid, -1)], axis=-1)
        features: Array = _run(self._projection, both[None])[0]
        return features

    def _ids(self, task: str, words: str) -> list[int]:
        if task == CAPTION:
            lengths = self._config.templates.caption
            if words not in lengths:
                raise InvalidRequest(f"A caption is {', '.join(sorted(lengths))}, as in 'caption: normal'.")
            return lengths[words]
        around: Around | None = getattr(self._config.templates, task)
        if around is None or (task != QUERY and self._places is None):
            raise InvalidRequest(f"The model {self.manifest.id} does not {task}.", parameter="prompt")
        return [*around.prefix, *self._tokenizer.plain(words if task == QUERY else f" {words}"), *around.suffix]

    def _begin(self, batch: Sequence[Prepared]) -> tuple[list[Request], Mapping[str, Array]]:
        requests = []
        for item in batch:
            seen, asked = self.see(item.tensors), item.ask
            around = self._embedded(np.array([[self._config.bos_id, *asked.ids]]))[0]
            embeds = np.concatenate([around[:1], seen, around[1:]])
            ask = ask_of(asked.params, self._options, len(embeds))
            search = None
            if self._places is not None and asked.task in (DETECT, POINT):
                sized = asked.task == DETECT
                most = max(1, min(MOST, ask.max_new_tokens // (2 + sized)))
                search = partial(Regions, self._places, self._vocabulary, ask.eos, most, sized=sized)
            requests.append(Request(asked.ids, ask, item.watch, embeds, search, self._vocabulary))
        return requests, {}

    def _fed(self, ids: Array) -> Mapping[str, Array]:
        """Tokens as they are embedded, and places as their nets say them."""
        placed = ids >= self._vocabulary
        embeds = self._embedded(np.where(placed, 0, ids))
        for row, column in zip(*np.nonzero(placed), strict=True):
            assert self._places is not None  # noqa: S101 - who else would have named them
            embeds[row, column] = self._places.embedded(int(ids[row, column]))
        return {EMBEDS: embeds}

    def _embedded(self, ids: Array) -> Array:
        return np.array(self._embedder.run({self._embedder.signature.inputs[0].name: ids.astype(np.int64)})[0])

    def _said(self, ids: Sequence[int]) -> str:
        return self._tokenizer.text([number for number in ids if number < self._vocabulary])


def task_of(prompt: str) -> tuple[str, str]:
    """A task and its words: ``caption`` or ``<CAPTION>``, ``caption: short``, ``detect: boats``, ``point: a boat``.

    What begins with none of these is a question.
    """
    head, colon, words = prompt.partition(":")
    task, words = head.strip(" <>").lower(), words.strip()
    if task == CAPTION or not prompt.strip():
        return CAPTION, words.lower() or "normal"
    if colon and words and task in (DETECT, POINT, QUERY):
        return task, words
    return QUERY, prompt.strip()


def config_of(package: Package) -> Config:
    """What the model's folder says. Raises ModelLoadFailed."""
    if CONFIG not in package.manifest.files:
        raise ModelLoadFailed(f"Model {package.manifest.id} has no {CONFIG} among its 'files'; its exporter writes it.")
    try:
        return Config.model_validate(read_json(package.root / CONFIG))
    except ValidationError as error:
        named = ".".join(map(str, error.errors()[0]["loc"]))
        raise ModelLoadFailed(f"{CONFIG} of model {package.manifest.id}: {named!r} is missing or wrong.") from error


def _run(session: Session, values: Array) -> Array:
    spec = session.signature.inputs[0]
    return session.run({spec.name: values.astype(numpy_dtype(spec), copy=False)})[0]


class Moondream2Family(WriterFamily):
    """The graphs together tell it: features of crops that a second net brings to the decoder's size."""

    name = "moondream2"
    sees, look = VISION, Look(SIDE, "antialias-cubic", beside=(CONFIG,))
    task = "lmm"
    layouts = ((*WRITING, *REGION), WRITING)

    def matches_graphs(self, graphs: Mapping[str, GraphSignature]) -> float | None:
        """1.0 for a decoder of embeddings that tells what it has in mind."""
        decoder = graphs[MERGED]
        told = any(spec.name == HIDDEN for spec in decoder.outputs)
        return 1.0 if told and {EMBEDS, MASK} <= {spec.name for spec in decoder.inputs} else None

    def load(self, package: Package, runtime: Runtime) -> Model[GenerationParams]:
        """Open the graphs. Raises ModelLoadFailed."""
        return Moondream2Model(package, runtime)


FAMILY: Family = Moondream2Family()
